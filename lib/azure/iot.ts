import { Agent } from 'node:https';
import type { TokenCredential } from '@azure/identity';
import common from 'azure-iot-common';
import httpBase, { type RestApiClient } from 'azure-iot-http-base';
import { FleetError } from '../errors.ts';
import { metrics } from '../telemetry.ts';
import { serviceError } from './service-errors.ts';

/**
 * How to reach DPS or an IoT Hub: with a shared access policy (local stack), or with this app's identity.
 * The IoT SDKs always connect to port 443 of the host name; an agent with a port of its own wins over that, which is how
 * the same unmodified clients reach a stand-in.
 */
export type IotConnection =
  | { readonly connectionString: string }
  | { readonly host: string; readonly credential: TokenCredential; readonly scope: string };

const userAgent = 'fleet-orchestrator';

/** An answer that does not come within this time is not waited for; the SDKs themselves have no timeout. */
const iotTimeoutMilliseconds = 30_000;

/** A client class of the IoT SDKs. Each SDK brings its own copy of the types, so they are not named here. */
type IotClientClass<Client> = new (config: never, restApiClient: never) => Client;

/** @param hostName host that is asked, where the connection is a gateway to several (a stand-in's hubs) */
export function iotClient<Client>(Class: IotClientClass<Client>, connection: IotConnection, hostName?: string): Client {
  const { config, agent } = transport(connection, hostName);
  // Node finds no names in these CommonJS packages (their exports are computed); the default import has them all.
  const restApiClient = new httpBase.RestApiClient(config, userAgent, new httpBase.Http());
  const client = new Class(config as never, restApiClient as never);
  // The constructors put an agent of their own into the RestApiClient they are given; ours comes after.
  restApiClient.setOptions({ http: { agent } });
  return client;
}

function transport(
  connection: IotConnection,
  hostName?: string,
): { config: RestApiClient.TransportConfig; agent: Agent } {
  if ('credential' in connection) {
    const { host, credential, scope } = connection;
    const config = { host: hostName ?? host, tokenCredential: credential, tokenScope: scope };
    return { config, agent: new Agent({ keepAlive: true }) };
  }
  const { host, port, keyName, key } = parseConnectionString(connection.connectionString);
  const name = hostName ?? host;
  const sharedAccessSignature = common.SharedAccessSignature.create(name, keyName, key, Date.now());
  const place = port === undefined ? {} : { host, port };
  return { config: { host: name, sharedAccessSignature }, agent: new Agent({ keepAlive: true, ...place }) };
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

/** What the IoT SDKs attach to their errors; their class names mislead (403 is TooManyDevicesError). */
interface IotError {
  readonly response?: { readonly statusCode?: number; readonly headers?: Record<string, string> };
  readonly responseBody?: string;
}

/** HTTP status of an IoT SDK's error; undefined when no answer came. */
export function iotStatus(error: unknown): number | undefined {
  return (error as IotError).response?.statusCode;
}

/** DPS's own code and message, where the answer has them. */
export function iotAnswer(error: unknown): { errorCode: number; message: string } {
  const { responseBody, response } = error as IotError;
  try {
    const { errorCode, message } = JSON.parse(responseBody ?? '') as { errorCode?: number; message?: string };
    return { errorCode: Number(errorCode ?? response?.statusCode ?? 0), message: String(message ?? 'no message') };
  } catch {
    return { errorCode: response?.statusCode ?? 0, message: 'no message' };
  }
}

/** Runs a call of an IoT SDK, which knows neither timeout nor Retry-After, and throws our words for its failures. */
export async function callingIot<T>(service: string, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new FleetError('unavailable', `${service} did not answer in time.`)),
      iotTimeoutMilliseconds,
    );
  });
  const calls = service === 'DPS' ? metrics.dpsCalls : metrics.hubCalls;
  try {
    const answer = await Promise.race([work(), timeout]);
    // The SDKs say which 2xx it was in some of their answers only.
    calls.add(1, { status: 200 });
    return answer;
  } catch (error) {
    const statusCode = iotStatus(error);
    calls.add(1, { status: statusCode ?? 'none' });
    if (statusCode === undefined) {
      // No answer at all: the SDKs pass on Node's own connection errors.
      throw serviceError(service, error);
    }
    const { response } = error as IotError;
    const translated = serviceError(service, { statusCode, response, cause: error });
    throw translated instanceof FleetError ? translated : error;
  } finally {
    clearTimeout(timer);
  }
}
