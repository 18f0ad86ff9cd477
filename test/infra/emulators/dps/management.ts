import { IotDpsClient } from '@azure/arm-deviceprovisioningservices';

/** The official client of the management API, for certificates. */
export function managementClient(port: number): IotDpsClient {
  const credential = { getToken: async () => ({ token: 'local', expiresOnTimestamp: Date.now() + 3_600_000 }) };
  return new IotDpsClient(credential, 'subscription', { endpoint: `https://localhost:${port}` });
}

export const [resourceGroup, service] = ['group', 'dps'];

/** "Set certificate status to verified on upload": no proof of possession. */
export async function uploadVerifiedCa(port: number, name: string, pem: string): Promise<void> {
  const properties = { certificate: Buffer.from(pem), isVerified: true };
  await managementClient(port).dpsCertificate.createOrUpdate(resourceGroup, service, name, { properties });
}
