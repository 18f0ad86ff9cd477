import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import common from 'azure-iot-common';
import { Http as HttpBase } from 'azure-iot-http-base';
import provisioning, { type ProvisioningDeviceClient } from 'azure-iot-provisioning-device';
import type { SymmetricKeySecurityClient } from 'azure-iot-provisioning-device/dist/interfaces.js';
import { Http } from 'azure-iot-provisioning-device-http';
import { ProvisioningServiceClient } from 'azure-iot-provisioning-service';
import { X509Security } from 'azure-iot-security-x509';
import iothub from 'azure-iothub';
import { createDpsEmulator, type DpsEmulatorOptions, wellKnownKey } from 'fleet-emulators/dps';
import { ensureLocalTls } from 'fleet-emulators/tls';
import { iotClient } from '../../../../lib/azure/iot.ts';

export interface DeviceIdentity {
  /** Leaf first. */
  readonly chainPem: string;
  readonly keyPem: string;
}

type Security = Parameters<typeof ProvisioningDeviceClient.create>[3];

/** Members that the types of the client lack. */
export interface RegistrationResult {
  readonly status: string;
  readonly assignedHub: string;
  readonly deviceId: string;
  readonly substatus?: string;
  readonly payload?: unknown;
}

export interface RawRequest {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  readonly identity?: DeviceIdentity;
}

/** The emulator in this process on a free port, with the official clients. */
export type RunningDps = Awaited<ReturnType<typeof startDps>>;

export async function startDps(options: Partial<DpsEmulatorOptions> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'dps-'));
  const hostNames = (options.hubs ?? []).map((hub) => hub.hostName);
  const tls = await ensureLocalTls({ directory: join(directory, 'tls'), hostNames });
  // NODE_EXTRA_CA_CERTS does the same for a new process.
  setDefaultCACertificates([...getCACertificates('default'), tls.caPem]);
  const emulator = createDpsEmulator({ tls, retryAfterSeconds: 0, ...options });
  const { port } = await emulator.listen(0);
  const connection = clientsOf(port, emulator.settings.idScope);
  return {
    ...connection,
    options,
    directory,
    tls,
    async stop() {
      await emulator.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Connects the official clients to an emulator. This process must already trust its CA. */
export function clientsOf(port: number, idScope: string) {
  const connectionString = connectionStringOf(port, 'provisioningserviceowner');
  const hubConnectionString = connectionStringOf(port, 'iothubowner');

  async function registerWith(security: Security, payload?: unknown): Promise<RegistrationResult> {
    const agent = new Agent({ port, keepAlive: false });
    const base = new HttpBase();
    base.setOptions({ http: { agent } });
    const transport = new Http(base as unknown as ConstructorParameters<typeof Http>[0]);
    const client = provisioning.ProvisioningDeviceClient.create('localhost', idScope, transport, security);
    if (payload !== undefined) client.setProvisioningPayload(payload as never);
    return (await client.register()) as unknown as RegistrationResult;
  }

  return {
    port,
    idScope,
    connectionString,
    hubConnectionString,
    service: iotClient(ProvisioningServiceClient, { connectionString }),
    registry: iotClient(iothub.Registry, { connectionString: hubConnectionString }),

    /** Registers a device over mutual TLS. */
    register(registrationId: string, identity: DeviceIdentity, payload?: unknown): Promise<RegistrationResult> {
      return registerWith(new X509Security(registrationId, { cert: identity.chainPem, key: identity.keyPem }), payload);
    },

    /** Registers a device with a symmetric key (base64), as azure-iot-security-symmetric-key does. */
    registerWithKey(registrationId: string, key: string): Promise<RegistrationResult> {
      return registerWith({
        getRegistrationId: (callback: (error: undefined, id: string) => void) => callback(undefined, registrationId),
        createSharedAccessSignature(scope: string, callback: (error: undefined, signature: string) => void) {
          const resource = `${scope}/registrations/${registrationId}`;
          callback(undefined, common.SharedAccessSignature.create(resource, 'registration', key, expiry()).toString());
        },
      } as unknown as SymmetricKeySecurityClient);
    },

    /** Sends a request without a client. */
    raw: (path: string, request: RawRequest = {}) => rawRequest(port, path, request),
  };
}

/** Unix seconds, an hour from now. */
export const expiry = () => Math.floor(Date.now() / 1000) + 3600;

function connectionStringOf(port: number, policy: string): string {
  return `HostName=localhost:${port};SharedAccessKeyName=${policy};SharedAccessKey=${wellKnownKey}`;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  json(): any;
}

function rawRequest(
  port: number,
  path: string,
  { method = 'GET', headers, body, identity }: RawRequest,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest({
      ...{ host: 'localhost', port, path, method, headers, agent: false },
      ...(identity === undefined ? {} : { cert: identity.chainPem, key: identity.keyPem }),
    });
    request.on('error', reject);
    request.on('response', async (response) => {
      const parts: Buffer[] = [];
      for await (const part of response) parts.push(part);
      const text = Buffer.concat(parts).toString('utf8');
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: () => JSON.parse(text) });
    });
    request.end(body);
  });
}
