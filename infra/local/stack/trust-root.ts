import { X509Certificate } from 'node:crypto';
import { IotDpsClient } from '@azure/arm-deviceprovisioningservices';
import { CosmosClient } from '@azure/cosmos';
import { createCosmosGroupStore } from '../../../lib/azure/cosmos-groups.ts';
import { createCertificateAuthority } from '../../../lib/enrollment/certificate-authority.ts';
import { createSoftwareKeyStore } from '../../../lib/pki/software-key-store.ts';

export interface RootTrust {
  readonly cosmos: { readonly endpoint: string; readonly key: string; readonly database: string };
  /** CA_KEY_DIRECTORY of the app. */
  readonly keyDirectory: string;
  readonly rootName: string;
  /** Where the management API of DPS is. */
  readonly managementUrl: string;
}

/** Whoever deploys makes up these names; the stand-in takes any. */
const [subscription, resourceGroup, service, certificateName] = [
  '00000000-0000-0000-0000-000000000000',
  'local',
  'local',
  'fleet-root',
];

/**
 * What an operator does once after a deployment: makes DPS trust the fleet's root, as a certificate that is verified on
 * upload. https://learn.microsoft.com/azure/iot-dps/how-to-verify-certificates
 */
export async function trustRoot({ cosmos, keyDirectory, rootName, managementUrl }: RootTrust): Promise<void> {
  const client = new CosmosClient({ endpoint: cosmos.endpoint, key: cosmos.key });
  try {
    const groups = createCosmosGroupStore(client.database(cosmos.database).container('groups'));
    const keys = createSoftwareKeyStore({ directory: keyDirectory });
    const root = await createCertificateAuthority({ keys, groups, rootName, now: () => new Date() }).root();
    await upload(new X509Certificate(root), managementUrl);
  } finally {
    client.dispose();
  }
}

async function upload(root: X509Certificate, managementUrl: string): Promise<void> {
  // The stand-in cannot ask Microsoft Entra, so any token is as good as another.
  const credential = { getToken: async () => ({ token: 'local', expiresOnTimestamp: Date.now() + 3_600_000 }) };
  const { dpsCertificate } = new IotDpsClient(credential, subscription, { endpoint: managementUrl });
  const { value: known = [] } = await dpsCertificate.list(resourceGroup, service);
  const thumbprint = root.fingerprint.replaceAll(':', '');
  if (known.some(({ properties }) => properties?.thumbprint === thumbprint && properties.isVerified)) return;
  await dpsCertificate.createOrUpdate(resourceGroup, service, certificateName, {
    properties: { certificate: Buffer.from(root.toString()), isVerified: true },
  });
}
