import { Agent } from 'node:https';
import type { TokenCredential } from '@azure/identity';
import common from 'azure-iot-common';
import httpBase, { type RestApiClient } from 'azure-iot-http-base';
import { excerpt, FleetError } from '../errors.ts';
import { metrics } from '../telemetry.ts';
import { serviceError } from './service-errors.ts';

/**
 * How to reach DPS or an IoT hub: with a shared access policy (local stack), or with this app's identity.
 * The IoT SDKs always connect to port 443 of the host. An agent with its own port overrides that, so that the unmodified
 * clients reach an emulator.
 */
export type IotConnection =
  | {
      readonly connectionString: string;
      /** Connection strings of hubs that are elsewhere, by host name: those of other emulators. */
      readonly others?: Readonly<Record<string, string>> | undefined;
    }
  | { readonly host: string; readonly credential: TokenCredential; readonly scope: string };

const userAgent = 'fleet-orchestrator';

/** Timeout of a call. The SDKs have none. */
const iotTimeoutMs = 30_000;

/** A client class of the IoT SDKs. The types of its arguments are not named, as each SDK has its own copy of them. */
type IotClientClass<Client> = new (config: never, restApiClient: never) => Client;

/** @param hostName the host to ask, when the connection leads to several (the hubs of an emulator) */
export function iotClient<Client>(Class: IotClientClass<Client>, connection: IotConnection, hostName?: string): Client {
  const { config, agent } = transport(connection, hostName);
  // Node cannot see the names that these CommonJS packages export (they are computed), so the default import is used.
  const restApiClient = new httpBase.RestApiClient(config, userAgent, new httpBase.Http());
  const client = new Class(config as never, restApiClient as never);
  // The constructors set their own agent on the RestApiClient they are given, so ours is set afterwards.
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
  const { connectionString, others = {} } = connection;
  const { host, port, keyName, key } = parseConnectionString(others[hostName ?? ''] ?? connectionString);
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
      'A connection string lacks HostName, SharedAccessKeyName or SharedAccessKey. Copy it again from the Azure portal.',
    );
  }
  return { host, port: port === undefined ? undefined : Number(port), keyName, key };
}

/** What the IoT SDKs attach to their errors. Their class names mislead: 403 is TooManyDevicesError. */
interface IotError {
  readonly response?: { readonly statusCode?: number; readonly headers?: Record<string, string> };
  readonly responseBody?: string;
}

/** @returns the HTTP status in an IoT SDK's error; undefined when no answer came */
export function iotStatus(error: unknown): number | undefined {
  return (error as IotError).response?.statusCode;
}

/** @returns the code and message of DPS; the HTTP status and "no message" when the answer has none */
export function iotAnswer(error: unknown): { errorCode: number; message: string } {
  const { responseBody, response } = error as IotError;
  try {
    const { errorCode, message } = JSON.parse(responseBody ?? '') as { errorCode?: number; message?: string };
    return { errorCode: Number(errorCode ?? response?.statusCode ?? 0), message: String(message ?? 'no message') };
  } catch {
    return { errorCode: response?.statusCode ?? 0, message: 'no message' };
  }
}

/**
 * An answer that the caller has no use for, such as 400, as an error that names it: it does not end the work on other services.
 * @returns the error itself when no answer came, or it is a FleetError
 */
export function unexpectedAnswer(service: string, error: unknown): unknown {
  const status = iotStatus(error);
  if (error instanceof FleetError || status === undefined) return error;
  const { errorCode, message } = iotAnswer(error);
  const what = `${service} answered HTTP ${status}: ${errorCode} ${excerpt(message)}`;
  return new FleetError('unavailable', what, { cause: error });
}

/**
 * Runs a call of an IoT SDK, with the timeout that the SDKs lack, and counts it.
 * @param service `DPS` or the hub, as the beginning of a message
 * @throws FleetError `throttled`, `unavailable`, or the SDK's own error (see `serviceError`)
 */
export async function callingIot<T>(service: string, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new FleetError('unavailable', `${service} did not answer in time.`)), iotTimeoutMs);
  });
  const calls = service === 'DPS' ? metrics.dpsCalls : metrics.hubCalls;
  try {
    const answer = await Promise.race([work(), timeout]);
    // Only some answers of the SDKs say which 2xx it was.
    calls.add(1, { status: 200 });
    return answer;
  } catch (error) {
    const statusCode = iotStatus(error);
    calls.add(1, { status: statusCode ?? 'none' });
    if (statusCode === undefined) {
      // No answer came: the SDKs pass on Node's connection errors.
      throw serviceError(service, error);
    }
    const { response } = error as IotError;
    const translated = serviceError(service, { statusCode, response, cause: error });
    throw translated instanceof FleetError ? translated : error;
  } finally {
    clearTimeout(timer);
  }
}
