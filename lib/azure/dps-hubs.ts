import { IotDpsClient } from '@azure/arm-deviceprovisioningservices';
import type { DpsCertificatesOptions } from './dps-certificates.ts';
import { calling } from './service-errors.ts';

/** A hub that DPS assigns devices to. */
export interface LinkedHub {
  /** Host name, lower case. */
  readonly host: string;
  /** Whether the allocation policies of enrollments take it. Without it, only an enrollment that names it does. */
  readonly isAllocated: boolean;
}

/**
 * The hubs that are linked to a DPS instance, through @azure/arm-deviceprovisioningservices. For operators: the app's identity has
 * no rights on the management API, and the service API does not show linked hubs.
 * https://learn.microsoft.com/azure/iot-dps/how-to-use-allocation-policies
 * @throws FleetError `throttled`, `unavailable`
 */
export async function readLinkedHubs({
  resource,
  credential,
  endpoint,
  maxRetries = 3,
}: DpsCertificatesOptions): Promise<LinkedHub[]> {
  const options = { retryOptions: { maxRetries }, ...(endpoint === undefined ? {} : { endpoint }) };
  const { iotDpsResource } = new IotDpsClient(credential, resource.subscriptionId, options);
  const { properties } = await calling('Azure Resource Manager', () =>
    iotDpsResource.get(resource.resourceGroup, resource.name),
  );
  return (properties.iotHubs ?? []).map(({ name = '', hostName = name, applyAllocationPolicy = true }) => ({
    host: hostName.toLowerCase(),
    isAllocated: applyAllocationPolicy,
  }));
}
