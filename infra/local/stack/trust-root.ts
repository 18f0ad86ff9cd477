import { readConfig } from '../../../functions/config.ts';
import { createServices } from '../../../functions/services.ts';
import { createDpsCertificates } from '../../../lib/azure/dps-certificates.ts';
import { registerRoot } from '../../../lib/enrollment/ca-registration.ts';

/** The resource id of the local DPS. In Azure the operator chooses these names; the emulator accepts any. */
export const localDps = {
  subscriptionId: '00000000-0000-0000-0000-000000000000',
  resourceGroup: 'local',
  name: 'local-dps',
};

/** The emulator cannot check tokens of Microsoft Entra, so it accepts any. */
export const localCredential = {
  getToken: async () => ({ token: 'local', expiresOnTimestamp: Date.now() + 3_600_000 }),
};

/**
 * Registers the fleet's root CA with each DPS instance by a proof of possession. An operator does this once after a deployment
 * (fleet ca register). https://learn.microsoft.com/azure/iot-dps/how-to-verify-certificates
 */
export async function trustRoot(appSettings: NodeJS.ProcessEnv): Promise<void> {
  const services = createServices(readConfig(appSettings));
  const { value } = await services.authority.rootCa();
  for (const { name: dpsInstance, address } of services.dps.instances) {
    // An emulator serves its management API at the same URL.
    const endpoint = address.globalEndpoint;
    const registry = createDpsCertificates({ resource: localDps, credential: localCredential, endpoint });
    // The proof is a signature by the root's key. If that key is kept elsewhere, DPS accepts the root without one.
    await registerRoot({ ...services, registry, dpsInstance }, { withoutProof: value.keyName === undefined });
  }
}
