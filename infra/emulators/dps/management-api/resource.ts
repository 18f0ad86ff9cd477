import type { Answer, Call, Route } from '../http/server.ts';
import { ServiceError } from '../http/service-error.ts';
import type { AccessPolicy, Settings } from '../options.ts';

/** Path of a provisioning service in Azure Resource Manager. Any subscription, resource group and service name is accepted. */
export const resourcePath =
  '/subscriptions/{subscription}/resourceGroups/{resourceGroup}/providers/Microsoft.Devices/provisioningServices/{service}';

export function resourceIdOf({ parameters }: Call): string {
  const { subscription, resourceGroup, service } = parameters;
  return `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.Devices/provisioningServices/${service}`;
}

export function armError(status: number, code: string, message: string): ServiceError {
  return new ServiceError(status, code, message);
}

/** Writes errors in the format of this resource provider. */
export function renderManagementError(error: unknown): Answer {
  const known =
    error instanceof ServiceError ? error : new ServiceError(500, 'InternalServerError', 'Internal server error.');
  const { status, message } = known;
  const code = String(known.code);
  return { status, body: { code, httpStatusCode: String(status), message, details: message } };
}

export interface ServiceRouteParts {
  readonly authorize: (call: Call) => void;
  readonly settings: Settings;
}

/** The provisioning service as a resource. It is read-only, because its settings are options of the emulator. */
export function serviceRoutes({ authorize, settings }: ServiceRouteParts): Route[] {
  const { policies } = settings;

  return [
    {
      method: 'GET',
      path: resourcePath,
      handle(call) {
        authorize(call);
        return { status: 200, body: showService(call, settings) };
      },
    },
    {
      method: 'POST',
      path: `${resourcePath}/listkeys`,
      handle(call) {
        authorize(call);
        return { status: 200, body: { value: policies.map(showKeys) } };
      },
    },
    {
      method: 'POST',
      path: `${resourcePath}/keys/{keyName}/listkeys`,
      handle(call) {
        authorize(call);
        const policy = policies.find((each) => each.name === call.parameters['keyName']);
        if (!policy) throw armError(404, 'ResourceNotFound', 'There is no access policy of this name.');
        return { status: 200, body: showKeys(policy) };
      },
    },
  ];
}

function showKeys({ name, primaryKey, secondaryKey, rights }: AccessPolicy) {
  return { keyName: name, primaryKey, secondaryKey: secondaryKey ?? primaryKey, rights: rights.join(', ') };
}

function showService(call: Call, { idScope, serviceHostName, hubs, defaultAllocationPolicy, policies }: Settings) {
  return {
    id: resourceIdOf(call),
    name: call.parameters['service'],
    type: 'Microsoft.Devices/provisioningServices',
    location: 'local',
    tags: {},
    etag: 'AAAAAAAAAAE=',
    properties: {
      state: 'Active',
      provisioningState: 'Succeeded',
      iotHubs: hubs.map((hub) => ({
        name: hub.hostName,
        // The service hides the key in this answer.
        connectionString: `HostName=${hub.hostName};SharedAccessKeyName=iothubowner;SharedAccessKey=****`,
        location: 'local',
        allocationWeight: hub.weight ?? 1,
        applyAllocationPolicy: true,
      })),
      allocationPolicy: `${defaultAllocationPolicy.charAt(0).toUpperCase()}${defaultAllocationPolicy.slice(1)}`,
      serviceOperationsHostName: serviceHostName,
      deviceProvisioningHostName: serviceHostName,
      idScope,
      authorizationPolicies: policies.map(({ name, rights }) => ({ keyName: name, rights: rights.join(', ') })),
    },
    sku: { name: 'S1', capacity: 1 },
  };
}
