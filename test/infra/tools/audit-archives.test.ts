import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ArchiveMatcher } from '../../../infra/tools/audit/archives.ts';
import type { AuditEntry } from '../../../lib/audit/entry.ts';
import { eraseBundle, packArchive, readArchiveIndex } from '../../../lib/bundle/archive.ts';
import type { Issued } from '../../../lib/pipeline/steps/issue.ts';
import { someTime } from '../../factories.ts';
import { createWorld, type World } from '../../world.ts';

/** A world with one archive of three devices. */
async function someWorld() {
  const world = createWorld();
  await world.declare('line7', { keyCustody: 'plain' });
  await world.upload('devices.csv', 'deviceId,enrollmentGroup\ngw-1,line7\ngw-2,line7\ngw-3,line7\n');
  await world.settle();
  return world;
}

function matcherOf(world: World, more: readonly Partial<AuditEntry>[] = []): ArchiveMatcher {
  const matcher = new ArchiveMatcher();
  for (const entry of [...world.audit.entries, ...more])
    matcher.note({ v: 1, at: someTime.toISOString(), ...entry } as AuditEntry);
  return matcher;
}

async function change(
  world: World,
  how: (index: ReturnType<typeof readArchiveIndex<Issued>>, archive: Buffer) => void,
) {
  const [[name, archive] = ['', Buffer.alloc(0)]] = world.bundles.blobs;
  const index = readArchiveIndex<Issued>(archive).map((entry) => ({ ...entry, info: { ...entry.info } }));
  how(index, archive);
  const entries = index.map(({ name, info, offset, length }) => {
    return { name, info, body: archive.subarray(offset, offset + length) };
  });
  await world.bundles.write(name, packArchive(entries).body, { contentType: 'application/zip' });
}

const whats = async (world: World, more: readonly Partial<AuditEntry>[] = []) =>
  (await matcherOf(world, more).match(world.bundles, await Array.fromAsync(world.bundles.list('')))).findings.map(
    ({ what }) => what,
  );

describe('the certificates in the archives', () => {
  it('are matched with the entries of their chunks', async () => {
    using world = await someWorld();
    const { archives, certificates, older, findings } = await matcherOf(world).match(
      world.bundles,
      await Array.fromAsync(world.bundles.list('')),
    );
    assert.deepEqual([archives, certificates, older, findings], [1, 3, 0, []]);
  });

  it('are found when no entry names them', async () => {
    using world = await someWorld();
    world.audit.entries.length = 0;
    const stranger = { phase: 'intent', id: 'x', action: 'retry-job', by: 'Ada', subject: {} } as const;
    assert.deepEqual(await whats(world, [stranger]), ['no entry names its 3 certificates']);
  });

  it('are counted apart when they are from before the audit trail', async () => {
    using world = await someWorld();
    world.audit.entries.length = 0;
    const at = new Date(someTime.getTime() + 1000).toISOString();
    const first = { at, phase: 'intent', id: 'x', action: 'retry-job', by: 'Ada', subject: {} } as const;
    const { older, findings } = await matcherOf(world, [first]).match(
      world.bundles,
      await Array.fromAsync(world.bundles.list('')),
    );
    assert.deepEqual([older, findings], [1, []]);
  });

  it('are found when another certificate is in the index', async () => {
    using world = await someWorld();
    await change(world, ([entry]) => {
      if (entry !== undefined) Object.assign(entry.info, { sha256Thumbprint: 'AB'.repeat(32) });
    });
    assert.deepEqual(await whats(world), ['its certificates are not those that its entry names']);
  });

  it('are found when a bundle was exchanged together with its digest', async () => {
    using world = await someWorld();
    await change(world, (_, archive) => archive.writeUInt8(archive.readUInt8(100) ^ 1, 100));
    assert.deepEqual(await whats(world), ['its bundles are not those that its entry names']);
  });

  it('may lose their bundles by a deletion that the trail has, and by nothing else', async () => {
    using world = await someWorld();
    const bundle = (await world.devices.read(['gw-2'])).get('gw-2')?.value.bundle;
    assert.ok(bundle);
    await eraseBundle(world.bundles, bundle);
    assert.deepEqual(await whats(world), ['the bundle of gw-2 was erased, and no entry deletes the device']);
    const deletion = {
      phase: 'intent',
      action: 'delete-device',
      by: 'Ada',
      id: 'x',
      subject: { deviceId: 'gw-2' },
    } as const;
    assert.deepEqual(await whats(world, [deletion]), []);
  });

  it('are found when their archive is gone, unless the retention rule or a given-up chunk explains it', async () => {
    using world = await someWorld();
    const [name = ''] = world.bundles.blobs.keys();
    const listed = await Array.fromAsync(world.bundles.list(''));
    const later = (days: number) => new Date(someTime.getTime() + days * 24 * 60 * 60 * 1000);
    const matcher = matcherOf(world);
    assert.deepEqual(matcher.gone(listed, { now: later(10) }), []);
    const finding = { where: `bundles/${name}`, what: 'is gone, and an entry names its certificates' };
    assert.deepEqual(matcher.gone([], { now: later(10) }), [finding]);
    assert.deepEqual(matcher.gone([], { now: later(10), retentionDays: 30 }), [finding]);
    assert.deepEqual(matcher.gone([], { now: later(31), retentionDays: 30 }), []);
    assert.deepEqual(matcher.gone([], { now: later(0.5) }), []);
    const { subject } = world.audit.entries.find(({ action }) => action === 'issue-certificates') ?? assert.fail();
    const abandoned = { phase: 'result', action: 'abandon-work', by: 'service', id: 'x', subject: {} } as const;
    assert.deepEqual(matcherOf(world, [{ ...abandoned, details: subject }]).gone([], { now: later(10) }), []);
  });

  it('are found when the archive is damaged', async () => {
    using world = await someWorld();
    const [[name, archive] = ['', Buffer.alloc(0)]] = world.bundles.blobs;
    await world.bundles.write(name, archive.subarray(0, -5), { contentType: 'application/zip' });
    assert.deepEqual(await whats(world), ['The archive of a chunk is damaged: it ends too early.']);
  });
});
