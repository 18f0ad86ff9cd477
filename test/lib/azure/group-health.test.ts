import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DefaultAzureCredential } from '@azure/identity';
import { KeyClient } from '@azure/keyvault-keys';
import { createKeyVaultEmulator } from 'fleet-emulators/key-vault';
import { ensureLocalTls } from 'fleet-emulators/tls';
import { type CheckedGroups, createGroupChecks } from '../../../lib/azure/group-health.ts';
import { createKeyVaultKeyStore, vaultKeyName } from '../../../lib/azure/key-vault.ts';
import type { Check } from '../../../lib/azure/probe.ts';
import { listDpsCas, registerIssuingCa, registerRoot } from '../../../lib/enrollment/ca-registration.ts';
import { FleetError } from '../../../lib/errors.ts';
import type { GroupRecord } from '../../../lib/groups/group.ts';
import { someGroup, someTime } from '../../factories.ts';
import { createMemoryDpsCaStore } from '../../memory/dps-cas.ts';
import { caExtensions, createOpensslCa } from '../../openssl-ca.ts';
import { anyCredential, type Fleet, startFleet } from '../enrollment/fleet-on-dps.ts';
import { someRoot } from '../pki/some-authority.ts';
import { trustLocalTls } from './trust-local-tls.ts';

const plain = { keyCustody: 'plain', target: 'dps-device' } as const;
const inDays = (days: number, from = new Date()) => new Date(from.getTime() + days * 24 * 60 * 60 * 1000);

async function checksOf(services: Omit<CheckedGroups, 'hosts'>, timeoutMs = 10_000): Promise<(name: string) => Check> {
  const hosts = { cosmos: '127.0.0.1' };
  const checks = await createGroupChecks({ ...services, hosts }, timeoutMs)();
  return (name) => checks.find((check) => check.name === name) ?? assert.fail(`no check "${name}"`);
}

describe('health of groups whose CA keys are files', () => {
  let fleet: Fleet;
  const keyFile = (name: string) => join(fleet.directory, 'ca', `${name}.pem`);
  before(async () => {
    fleet = await startFleet();
    await registerRoot(fleet);
    for (const id of ['good', 'gone', 'open', 'garbage', 'swapped']) await fleet.groups.declare(id, plain);
    rmSync(keyFile('issuing-gone-1'));
    chmodSync(keyFile('issuing-open-1'), 0o644);
    writeFileSync(keyFile('issuing-garbage-1'), 'garbage');
    copyFileSync(keyFile('issuing-good-1'), keyFile('issuing-swapped-1'));
  });
  after(() => fleet.stop());

  it('reports each missing, unreadable and wrong key by group, though this process has it open', async () => {
    const check = await checksOf(fleet);
    assert.deepEqual(check('issuing CA of group good'), { name: 'issuing CA of group good', ok: true });
    const problems: [string, RegExp][] = [
      ['gone', /The CA has no key "issuing-gone-1" in .*docs\/certificates\.md/],
      ['open', /issuing-open-1\.pem has mode 644.*chmod 600/],
      ['garbage', /issuing-garbage-1\.pem does not hold a private key in PEM/],
      ['swapped', /CA key "issuing-swapped-1" is not the key of the CA certificate/],
    ];
    for (const [id, problem] of problems) {
      const found = check(`issuing CA of group ${id}`);
      assert.equal(found.ok, false, id);
      assert.match(found.problem ?? '', problem);
    }
  });

  it('reports a CA that has ended, and notes one that ends soon', async () => {
    const soon = await checksOf({ ...fleet, now: () => inDays(1800) });
    const { ok, note } = soon('issuing CA of group good');
    assert.ok(ok);
    assert.match(note ?? '', /^The issuing CA ends at \d{4}-.*, in 2[345] days\. Roll the group over/);
    const late = await checksOf({ ...fleet, now: () => inDays(1900) });
    assert.match(late('issuing CA of group good').problem ?? '', /^The issuing CA ended at .*Roll the group over/);
  });
});

describe('health of groups whose CA keys are in Key Vault', () => {
  it('reports a key that was deleted or disabled after this process opened it', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'fleet-vault-'));
    const tls = await ensureLocalTls({ directory: join(directory, 'tls') });
    trustLocalTls(tls.caPem);
    const vault = createKeyVaultEmulator({ tls, directory: join(directory, 'keys') });
    const { url } = await vault.listen(0);
    const fleet = await startFleet({
      keys: createKeyVaultKeyStore({ vaultUrl: url, credential: new DefaultAzureCredential() }),
    });
    try {
      for (const id of ['kept', 'deleted', 'disabled']) {
        await fleet.groups.declare(id, plain);
        await fleet.issue(id, `gw-${id}`);
      }
      const client = new KeyClient(url, anyCredential, { disableChallengeResourceVerification: true });
      await client.beginDeleteKey(vaultKeyName('issuing-deleted-1'));
      const disabled = await client.getKey(vaultKeyName('issuing-disabled-1'));
      await client.updateKeyProperties(disabled.name, disabled.properties.version ?? '', { enabled: false });
      const check = await checksOf(fleet);
      assert.ok(check('issuing CA of group kept').ok);
      for (const id of ['deleted', 'disabled']) {
        assert.match(check(`issuing CA of group ${id}`).problem ?? '', /has 0 enabled versions in the vault/, id);
      }
    } finally {
      await fleet.stop();
      await vault.close();
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

describe('health of roots in DPS', () => {
  it('reports the root of every group as DPS had it last, that of an imported CA included', async () => {
    using theirs = createOpensslCa();
    const fleet = await startFleet();
    try {
      const root = theirs.issue({ subject: '/CN=Plant PKI' });
      const issued = theirs.issue({ subject: '/CN=own CA', issuer: root, extensions: caExtensions(0) });
      await fleet.groups.declare('fleet', plain);
      await fleet.groups.declare('own', { ...plain, issuingCa: { origin: 'outside' } });
      const imported = { certificate: issued.pem, chain: root.pem, privateKey: issued.keyPem };
      await fleet.groups.importIssuingCa('own', imported);

      const never = await checksOf(fleet);
      assert.match(
        never('root of group own in DPS').problem ?? '',
        /^CA 1: It is not known whether DPS has "CN=Plant PKI"\. Ask DPS: fleet ca check\.$/,
      );

      await registerRoot(fleet);
      const registered = await checksOf(fleet);
      assert.match(
        registered('root of group fleet in DPS').note ?? '',
        /^CA 1: DPS had "CN=Test root CA" as fleet-root, verified, at 20/,
      );
      assert.match(
        registered('root of group own in DPS').problem ?? '',
        /^CA 1: DPS did not have "CN=Plant PKI" at 20.*fleet ca register/,
      );

      const uploaded = await fleet.registry.upload('plant', root.pem, { withoutProof: false });
      await listDpsCas(later(fleet));
      assert.match(
        (await checksOf(fleet))('root of group own in DPS').problem ?? '',
        /^CA 1: DPS had "CN=Plant PKI" as plant, not verified, at 20/,
      );

      await fleet.registry.upload('plant', root.pem, { withoutProof: true, known: uploaded });
      await listDpsCas(later(fleet, 2));
      const proven = (await checksOf(fleet))('root of group own in DPS');
      assert.match(proven.note ?? '', /"CN=Plant PKI" as plant, verified, at 20/);
      // The device of such a group is what the check predicts.
      assert.notEqual(await fleet.provision('own', 'gw-own'), '');
    } finally {
      await fleet.stop();
    }
  });

  it('accepts a verified issuing CA in place of its root, as DPS does', async () => {
    using theirs = createOpensslCa();
    const fleet = await startFleet();
    try {
      const root = theirs.issue({ subject: '/CN=Plant PKI' });
      const issued = theirs.issue({ subject: '/CN=own CA', issuer: root, extensions: caExtensions(0) });
      await fleet.groups.declare('own', { ...plain, issuingCa: { origin: 'outside' } });
      const imported = { certificate: issued.pem, chain: root.pem, privateKey: issued.keyPem };
      await fleet.groups.importIssuingCa('own', imported);
      await registerIssuingCa(fleet, 'own');
      assert.match((await checksOf(fleet))('root of group own in DPS').note ?? '', /"CN=own CA" as own-1, verified/);
      assert.notEqual(await fleet.provision('own', 'gw-own'), '');
    } finally {
      await fleet.stop();
    }
  });
});

/** The same fleet some milliseconds later: lists of one moment do not replace each other. */
function later(fleet: Fleet, seconds = 1): Fleet {
  return { ...fleet, now: () => new Date(Date.now() + seconds * 1000) };
}

const { certificatePem } = await someRoot();

describe('health of many groups', () => {
  const group = (id: string): GroupRecord => {
    const at = someTime.toISOString();
    const notAfter = inDays(1000, someTime).toISOString();
    const ca = { certificatePem, chainPem: [], generation: 1, keyName: `issuing-${id}-1`, notAfter };
    return { id, definition: someGroup(id), issuingCas: [ca], createdAt: at, updatedAt: at };
  };
  const ids = Array.from({ length: 100 }, (_, index) => `line${index}`);
  const root = { certificatePem: '', keyName: 'root' };
  const versions = (etag: string) => new Map(ids.map((id) => [id, { value: { ...group(id), issuingCas: [] }, etag }]));

  it('looks up at most eight keys at once, ends in time, and reports the groups that were not checked', async () => {
    let inFlight = 0;
    let most = 0;
    const checkKey = () => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      return new Promise<never>(() => {});
    };
    const withCas = new Map(ids.map((id) => [id, { value: group(id), etag: '1' }]));
    const services = {
      authority: { rootCa: async () => ({ value: root, etag: '1' }), checkKey },
      groups: { directory: async () => withCas },
      dpsCas: createMemoryDpsCaStore(),
      now: () => someTime,
    };
    const started = performance.now();
    const check = await checksOf(services, 200);
    assert.ok(performance.now() - started < 2_000);
    assert.equal(most, 8);
    for (const id of ids) assert.equal(check(`issuing CA of group ${id}`).ok, false, id);
    assert.match(check('issuing CA of group line99').problem ?? '', /was not checked within 0\.2 s/);
  });

  it('looks a key up again after a minute, or when the group changed', async () => {
    let time = someTime;
    let etag = '1';
    let calls = 0;
    const record = group('line7');
    const services: CheckedGroups = {
      authority: {
        rootCa: async () => ({ value: root, etag: '1' }),
        checkKey: async () => {
          calls += 1;
          return 'file';
        },
      },
      groups: { directory: async () => new Map([['line7', { value: record, etag }]]) },
      dpsCas: createMemoryDpsCaStore(),
      now: () => time,
      hosts: { cosmos: '127.0.0.1' },
    };
    const checks = createGroupChecks(services, 10_000);
    await Promise.all([checks(), checks()]);
    await checks();
    assert.equal(calls, 1);
    time = new Date(someTime.getTime() + 60_000);
    await checks();
    assert.equal(calls, 2);
    etag = '2';
    await checks();
    assert.equal(calls, 3);
  });

  it('reports that the groups cannot be read', async () => {
    const directory = () => Promise.reject(new FleetError('unavailable', 'Cosmos DB does not answer.'));
    const check = await checksOf({
      authority: { rootCa: async () => ({ value: root, etag: '1' }), checkKey: async () => 'file' },
      groups: { directory },
      dpsCas: createMemoryDpsCaStore(),
      now: () => someTime,
    });
    assert.match(check('enrollment groups').problem ?? '', /Cosmos DB does not answer/);
  });

  it('notes a group without an issuing CA, which is no failure', async () => {
    const check = await checksOf({
      authority: { rootCa: async () => ({ value: root, etag: '1' }), checkKey: () => assert.fail('there is no key') },
      groups: { directory: async () => versions('1') },
      dpsCas: createMemoryDpsCaStore(),
      now: () => someTime,
    });
    assert.deepEqual(check('issuing CA of group line7'), {
      name: 'issuing CA of group line7',
      ok: true,
      note: 'The group has no issuing CA yet. It is made when the group is used.',
    });
    assert.deepEqual(check('root of group line7 in DPS'), { name: 'root of group line7 in DPS', ok: true });
  });
});
