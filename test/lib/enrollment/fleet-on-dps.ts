import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCertificateAuthority } from '../../../lib/authorities/certificate-authority.ts';
import { createDpsEnrollments } from '../../../lib/azure/dps.ts';
import { createDpsCertificates } from '../../../lib/azure/dps-certificates.ts';
import { createGroups } from '../../../lib/enrollment/groups.ts';
import { createDeviceIssuer } from '../../../lib/pki/device-issuer.ts';
import type { KeyStore } from '../../../lib/pki/key-store.ts';
import { newSerialNumber } from '../../../lib/pki/serial.ts';
import { createSoftwareKeyStore } from '../../../lib/pki/software-key-store.ts';
import { type RunningDps, startDps } from '../../infra/emulators/dps/running-dps.ts';
import { createMemoryAudit } from '../../memory/audit.ts';
import { createMemoryDpsCaStore } from '../../memory/dps-cas.ts';
import { createMemoryGroupStore } from '../../memory/group-store.ts';

export const someResource = {
  subscriptionId: '00000000-0000-0000-0000-000000000000',
  resourceGroup: 'test',
  name: 'dps-test',
};
export const anyCredential = {
  getToken: async () => ({ token: 'any', expiresOnTimestamp: Date.now() + 3_600_000 }),
};

/** Groups and their CAs on the DPS emulator, with the real adapters and real keys. Group records are in memory. */
export async function startFleet({ keys }: { keys?: KeyStore } = {}) {
  const dps: RunningDps = await startDps();
  const directory = mkdtempSync(join(tmpdir(), 'fleet-keys-'));
  const now = () => new Date();
  const groupStore = createMemoryGroupStore();
  const keyStore = keys ?? createSoftwareKeyStore({ directory: join(directory, 'ca') });
  const authority = createCertificateAuthority({
    keys: keyStore,
    groups: groupStore,
    rootName: 'Test root CA',
    audit: createMemoryAudit(),
    now,
  });
  const enrollments = createDpsEnrollments({ connectionString: dps.connectionString });
  const registry = createDpsCertificates({
    resource: someResource,
    credential: anyCredential,
    endpoint: `https://localhost:${dps.port}`,
    maxRetries: 0,
  });
  const retry = { maxWaitSeconds: 5, sleep: async (milliseconds: number) => void (await sleep(milliseconds)) };
  const groups = createGroups({ store: groupStore, authority, enrollments, allowPlainKeys: true, retry, now });

  /** An identity from the group's current CA, as a bundle contains it. */
  async function issue(groupId: string, deviceId: string) {
    const group = (await groups.directory({ maxAgeSeconds: 0 })).get(groupId)?.value;
    const [ca] = group?.issuingCas ?? [];
    if (group === undefined || ca === undefined) throw new Error(`no CA of ${groupId}`);
    const issuer = await authority.open(ca);
    const devices = await createDeviceIssuer({ issuer, keyType: 'ec-p256', validityDays: 30, now: now() });
    const identity = await devices.issue({ deviceId, serialNumber: newSerialNumber() });
    const chain = [identity.certificatePem, ca.certificatePem, ...ca.chainPem.slice(0, -1)];
    return { chainPem: chain.join(''), keyPem: identity.privateKeyPem?.toString() ?? '' };
  }

  return {
    dpsCas: createMemoryDpsCaStore(),
    ...{ dps, keys: keyStore, groupStore, authority, enrollments, registry, groups, now, issue, directory },
    /** Issues and registers, as a new device does. @returns the hub it was assigned to */
    async provision(groupId: string, deviceId: string): Promise<string> {
      return (await dps.register(deviceId, await issue(groupId, deviceId))).assignedHub;
    },
    async stop() {
      await dps.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export type Fleet = Awaited<ReturnType<typeof startFleet>>;
