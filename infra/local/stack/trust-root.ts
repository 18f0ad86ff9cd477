import { readConfig } from '../../../functions/config.ts';
import { createServices } from '../../../functions/services.ts';
import { createDpsCertificates } from '../../../lib/azure/dps-certificates.ts';
import { registerRoot } from '../../../lib/enrollment/ca-registration.ts';

/** Whoever deploys makes up these names; the stand-in takes any. */
export const localDps = {
  subscriptionId: '00000000-0000-0000-0000-000000000000',
  resourceGroup: 'local',
  name: 'local-dps',
};

/** The stand-in cannot ask Microsoft Entra, so any token is as good as another. */
export const localCredential = {
  getToken: async () => ({ token: 'local', expiresOnTimestamp: Date.now() + 3_600_000 }),
};

/**
 * What an operator does once after a deployment (npm run ca -- register): makes DPS trust the fleet's root, by a proof of
 * possession. https://learn.microsoft.com/azure/iot-dps/how-to-verify-certificates
 * @param managementUrl where the management API of DPS is
 */
export async function trustRoot(appSettings: NodeJS.ProcessEnv, managementUrl: string): Promise<void> {
  const services = createServices(readConfig(appSettings));
  const registry = createDpsCertificates({ resource: localDps, credential: localCredential, endpoint: managementUrl });
  const { value } = await services.authority.rootCa();
  // A root that is kept elsewhere can prove nothing here; it is as good as its operator says.
  await registerRoot({ ...services, registry }, { withoutProof: value.keyName === undefined });
}
