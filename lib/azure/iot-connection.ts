import { Agent } from 'node:https';
import type { TokenCredential } from '@azure/identity';
import { SharedAccessSignature } from 'azure-iot-common';
import { Http, RestApiClient } from 'azure-iot-http-base';
import { FleetError } from '../errors.ts';

/**
 * How to reach DPS or an IoT Hub: with a shared access policy (local stack), or with this app's identity.
 * The IoT SDKs always connect to port 443 of the host name; an agent with a port of its own wins over that, which is how
 * the same unmodified clients reach a stand-in.
 */
export type IotConnection =
  | { readonly connectionString: string }
  | { readonly host: string; readonly credential: TokenCredential; readonly scope: string };

export interface IotClientParts {
  readonly config: RestApiClient.TransportConfig;
  readonly restApiClient: RestApiClient;
  /** Both SDK clients replace the agent of the RestApiClient they are given; call this after making one. */
  keepAgent(): void;
}

const userAgent = 'fleet-orchestrator';

/** An answer that does not come within this time is not waited for; the SDKs themselves have no timeout. */
export const iotTimeoutMilliseconds = 30_000;

/** @param hostName host that is asked, where the connection is a gateway to several (a stand-in's hubs) */
export function iotClientParts(connection: IotConnection, hostName?: string): IotClientParts {
  if ('credential' in connection) {
    const { host, credential, scope } = connection;
    return parts(
      { host: hostName ?? host, tokenCredential: credential, tokenScope: scope },
      new Agent({ keepAlive: true }),
    );
  }
  const { host, port, keyName, key } = parseConnectionString(connection.connectionString);
  const name = hostName ?? host;
  const sharedAccessSignature = SharedAccessSignature.create(name, keyName, key, Date.now());
  const place = port === undefined ? {} : { host, port };
  return parts({ host: name, sharedAccessSignature }, new Agent({ keepAlive: true, ...place }));
}

function parts(config: RestApiClient.TransportConfig, agent: Agent): IotClientParts {
  const restApiClient = new RestApiClient(config, userAgent, new Http());
  const keepAgent = () => restApiClient.setOptions({ http: { agent } });
  keepAgent();
  return { config, restApiClient, keepAgent };
}

function parseConnectionString(text: string) {
  const parts = new Map(
    text.split(';').map((part): [string, string] => {
      const [name = '', ...value] = part.split('=');
      return [name.trim(), value.join('=')];
    }),
  );
  const [host = '', port] = (parts.get('HostName') ?? '').split(':');
  const keyName = parts.get('SharedAccessKeyName') ?? '';
  const key = parts.get('SharedAccessKey') ?? '';
  if (host === '' || keyName === '' || key === '') {
    throw new FleetError(
      'setting-invalid',
      'A connection string lacks HostName, SharedAccessKeyName or SharedAccessKey.',
    );
  }
  return { host, port: port === undefined ? undefined : Number(port), keyName, key };
}
