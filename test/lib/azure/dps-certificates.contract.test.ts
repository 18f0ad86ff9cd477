import { after, before } from 'node:test';
import { createDpsCertificates } from '../../../lib/azure/dps-certificates.ts';
import { caRegistryContract } from '../../contract/ca-registry.ts';
import { type RunningDps, startDps } from '../../infra/emulators/dps/running-dps.ts';
import { anyCredential, someResource } from '../enrollment/fleet-on-dps.ts';

/* CA certificates by the management API of the DPS emulator. */

let dps: RunningDps;
before(async () => {
  dps = await startDps();
});
after(() => dps.stop());

caRegistryContract('DPS emulator', () =>
  createDpsCertificates({
    resource: someResource,
    credential: anyCredential,
    endpoint: `https://localhost:${dps.port}`,
    maxRetries: 0,
  }),
);
