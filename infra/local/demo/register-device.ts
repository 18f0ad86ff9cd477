import { Agent } from 'node:https';
import { Http as HttpBase } from 'azure-iot-http-base';
import provisioning from 'azure-iot-provisioning-device';
import { Http } from 'azure-iot-provisioning-device-http';
import { X509Security } from 'azure-iot-security-x509';
import type { BundleFiles } from './bundle-files.ts';

export interface DpsPlace {
  readonly host: string;
  readonly port: number;
  readonly idScope: string;
}

/** Registers a device with the real client, over mutual TLS, with nothing but what its bundle holds. @returns its hub */
export async function registerDevice(deviceId: string, files: BundleFiles, dps: DpsPlace): Promise<string> {
  const chain = textOf(files, /^certs\/.*(?:identity|full-chain).*\.pem$/);
  const key = textOf(files, /\.key\.pem$/);
  const agent = new Agent({ port: dps.port, keepAlive: true });
  const base = new HttpBase();
  // The client always connects to 443; an agent with a port of its own wins over that.
  base.setOptions({ http: { agent } });
  const transport = new Http(base as unknown as ConstructorParameters<typeof Http>[0]);
  const security = new X509Security(deviceId, { cert: chain, key });
  const client = provisioning.ProvisioningDeviceClient.create(dps.host, dps.idScope, transport, security);
  try {
    const result = await client.register();
    return result?.assignedHub ?? '';
  } finally {
    agent.destroy();
  }
}

function textOf(files: BundleFiles, pattern: RegExp): string {
  const path = [...files.keys()].find((candidate) => pattern.test(candidate));
  const file = path === undefined ? undefined : files.get(path);
  if (file === undefined) throw new Error(`The bundle has no file like ${pattern}.`);
  return file.body.toString('utf8');
}
