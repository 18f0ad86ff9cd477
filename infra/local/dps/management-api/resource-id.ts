import type { Call } from '../http/router.ts';
import { ServiceError } from '../http/service-error.ts';

/** Where Azure Resource Manager keeps a provisioning service. Subscription, group and service names are the caller's own. */
export const resourcePath =
  '/subscriptions/{subscription}/resourceGroups/{resourceGroup}/providers/Microsoft.Devices/provisioningServices/{service}';

export function resourceIdOf({ parameters }: Call): string {
  const { subscription, resourceGroup, service } = parameters;
  return `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.Devices/provisioningServices/${service}`;
}

export function armError(status: number, code: string, message: string): ServiceError {
  return new ServiceError(status, code, message);
}
