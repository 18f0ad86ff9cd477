import { Agent } from 'node:https';
import { Http as HttpBase } from 'azure-iot-http-base';
import provisioning from 'azure-iot-provisioning-device';
import { Http } from 'azure-iot-provisioning-device-http';
import { X509Security } from 'azure-iot-security-x509';
import type { BundleFiles } from './bundle-files.ts';

export interface DpsAddress {
  readonly host: string;
  readonly port: number;
  readonly idScope: string;
}

/**
 * Registers a device over mutual TLS with the official client. It uses only the certificate and key of the bundle.
 * @returns host name of the assigned hub
 */
export async function registerDevice(deviceId: string, files: BundleFiles, dps: DpsAddress): Promise<string> {
  const chain = textOf(files, /^certs\/.*(?:identity|full-chain).*\.pem$/);
  const key = textOf(files, /\.key\.pem$/);
  const agent = new Agent({ port: dps.port, keepAlive: true });
  const base = new HttpBase();
  // The client always connects to port 443. The port of an agent overrides that.
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
  if (file === undefined) throw new Error(`The bundle has no file that matches ${pattern}.`);
  return file.body.toString('utf8');
}
