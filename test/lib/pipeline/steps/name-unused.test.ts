import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type PackedArchive, packArchive, readArchiveIndex } from '../../../../lib/bundle/archive.ts';
import type { DeviceRecord, DeviceStatus } from '../../../../lib/devices/device.ts';
import { rowError } from '../../../../lib/manifest/manifest.ts';
import type { Issued } from '../../../../lib/pipeline/steps/issue.ts';
import { nameLost, nameUnused } from '../../../../lib/pipeline/steps/name-unused.ts';
import { unblockDevices } from '../../../../lib/pipeline/steps/unblock.ts';
import { someDevice, someGroup, someTime } from '../../../factories.ts';
import { createMemoryBlobStore } from '../../../memory/blob-store.ts';
import { createMemoryDeviceStore } from '../../../memory/device-store.ts';
import { createMemoryEnrollments } from '../../../memory/enrollments.ts';

const at = someTime.toISOString();
const attempt = { jobId: 'b'.repeat(24), chunk: 3, attempt: 2 };
const archive = `${attempt.jobId}/chunk-00003-retry-2.zip`;
const other = { jobId: 'a'.repeat(24), chunk: 0, line: 9, attempt: 1 };

const issued = (index: number): Issued => ({
  ...{ deviceId: `gw-${index}`, line: index, enrollmentGroup: 'line7', serialNumber: `0${index}`.repeat(16) },
  ...{
    sha1Thumbprint: `A${index}`,
    sha256Thumbprint: `B${index}`,
    notBefore: at,
    notAfter: '2027-11-23T08:00:00.000Z',
  },
  ...{ mediaType: 'application/gzip', caGeneration: 1 },
});

/** An archive with two devices of which the chunk recorded none, and stores with these records. */
async function stored(records: readonly DeviceRecord[] = []) {
  const entries = [1, 2].map((index) => ({
    name: `gw-${index}.tar.gz`,
    body: Buffer.from(`secret ${index}`),
    info: issued(index),
  }));
  const { body, index }: PackedArchive<Issued> = packArchive(entries);
  const bundles = createMemoryBlobStore();
  await bundles.write(archive, Buffer.from(body), { contentType: 'application/zip' });
  const devices = createMemoryDeviceStore();
  await devices.create([...records]);
  const ports = { devices, bundles, now: () => someTime };
  const faults = [rowError({ line: 1, source: '' }, { code: 'device-revoked', message: 'It was revoked.' })];
  return {
    name: () => nameUnused(index, { attempt, archive, faults }, ports),
    record: (id = 'gw-1') => devices.records.get(id) ?? assert.fail(`no record ${id}`),
    /** The bundles that can be read. */
    async bundlesLeft() {
      const now = (await bundles.read(archive)) ?? assert.fail();
      return readArchiveIndex<Issued>(now)
        .filter(({ offset, length }) => now.subarray(offset, offset + length).some((byte) => byte !== 0))
        .map(({ info }) => info.deviceId);
    },
  };
}

describe('certificates in an archive that no device got', () => {
  it('are named on a new record, which says why the row failed', async () => {
    const { name, record, bundlesLeft } = await stored();
    await name();
    const { status, claim, failure, serialNumber, certificates, enrollmentGroup } = record();
    assert.deepEqual([status, enrollmentGroup, serialNumber], ['failed', 'line7', '01'.repeat(16)]);
    assert.deepEqual(claim, { jobId: attempt.jobId, chunk: 3, line: 1, attempt: 2 });
    assert.deepEqual(failure, { code: 'device-revoked', message: 'It was revoked.' });
    assert.deepEqual(
      certificates?.map(({ state, since, unusedBundle, sha256Thumbprint }) => [
        state,
        since,
        unusedBundle,
        sha256Thumbprint,
      ]),
      [['superseded', at, { archive, fileName: 'gw-1.tar.gz' }, 'B1']],
    );
    assert.deepEqual(record('gw-2').failure?.code, 'gave-up');
    assert.deepEqual(await bundlesLeft(), ['gw-1', 'gw-2']);
  });

  it('are named on the record of another row, which keeps all it has', async () => {
    const theirs = someDevice({
      id: 'gw-1',
      claim: other,
      status: 'assigned',
      enrollmentGroup: 'line8',
      certificates: [],
    });
    const { name, record, bundlesLeft } = await stored([theirs]);
    await name();
    const { status, claim, certificates, formerGroups, formerCertificateNames } = record();
    assert.deepEqual([status, claim, formerGroups], ['assigned', other, ['line7']]);
    assert.equal(certificates?.[0]?.state, 'superseded');
    assert.deepEqual(formerCertificateNames, ['01'.repeat(16), 'a1', 'b1']);
    assert.deepEqual(await bundlesLeft(), ['gw-1', 'gw-2']);
    // Again: they are named once.
    const before = record();
    await name();
    assert.deepEqual(record(), before);
  });

  const block = {
    kind: 'scrapped',
    by: 'Ann',
    at,
    reason: '',
    mark: 'm',
    from: 'assigned',
    marks: [],
    doors: {},
  } as const;
  const ends: readonly [status: DeviceStatus, more: Partial<DeviceRecord>, isErased: boolean][] = [
    ['scrapped', { block }, true],
    ['deleting', {}, true],
    ['deleted', {}, true],
    ['closing', { block }, true],
    ['closing', { block: { ...block, kind: 'revoked' } }, false],
    ['revoked', { block: { ...block, kind: 'revoked' } }, false],
    ['suspended', { block: { ...block, kind: 'suspended' } }, false],
    ['failed', {}, false],
    ['claimed', {}, false],
  ];
  for (const [status, more, isErased] of ends) {
    it(`are ${isErased ? 'erased' : 'kept'} for a device that is ${status}${more.block ? ` (${more.block.kind})` : ''}`, async () => {
      const { name, bundlesLeft, record } = await stored([someDevice({ id: 'gw-1', claim: other, status, ...more })]);
      await name();
      assert.deepEqual(await bundlesLeft(), isErased ? ['gw-2'] : ['gw-1', 'gw-2']);
      const isFinal = ['revoked', 'scrapped', 'deleted'].includes(status);
      assert.equal(record().certificates?.[0]?.state, isFinal ? 'revoked' : 'superseded');
    });
  }
});

describe('serial numbers of rows that lost their devices', () => {
  it('are named on the records of those that have them', async () => {
    const devices = createMemoryDeviceStore();
    const certificate = { serialNumber: 'c3', sha1Thumbprint: 'A', sha256Thumbprint: 'B' } as never;
    await devices.create([
      someDevice({ id: 'gw-1', serialNumber: 'c1' }),
      someDevice({ id: 'gw-2', serialNumber: 'other', formerCertificateNames: ['ee'] }),
      someDevice({ id: 'gw-3', serialNumber: 'other', certificates: [certificate] }),
      someDevice({ id: 'gw-4', serialNumber: 'other', formerCertificateNames: ['c4'] }),
    ]);
    const before = new Map(devices.records);
    const lost = new Map(['1', '2', '3', '4', '5'].map((index) => [`gw-${index}`, `c${index}`]));
    await nameLost(lost, { devices });
    assert.deepEqual(devices.records.get('gw-2')?.formerCertificateNames, ['ee', 'c2']);
    for (const id of ['gw-1', 'gw-3', 'gw-4']) assert.deepEqual(devices.records.get(id), before.get(id), id);
    assert.equal(devices.records.size, 4);
    const read = () => assert.fail('nothing to read');
    await nameLost(new Map(), { devices: { ...devices, read } });
  });
});

describe('the block of a device that is made again', () => {
  const retry = { maxWaitSeconds: 1, sleep: async () => {} };
  const theirs = { etag: '1', createdAt: at, attestation: 'x509', thumbprints: ['A'], caReferences: [] };
  async function unblock(enrollment: 'group' | 'individual', block: string | undefined, mark?: string) {
    const enrollments = createMemoryEnrollments();
    if (mark === undefined) enrollments.entries.individuals.set('gw-1', theirs);
    else await enrollments.block('gw-1', mark);
    const deletion = { by: 'Ann', at, ...(block !== undefined && { block }) };
    const record = { value: someDevice({ deletion }) };
    const request = { deviceId: 'gw-1', line: 2, source: '', enrollmentGroup: 'line7', tags: {}, desired: {} };
    const issuances = new Map([['line7', { group: { definition: someGroup('line7', { enrollment }) } }]]) as never;
    await unblockDevices([{ request, record }], { issuances, refusals: new Map() }, { enrollments, retry });
    return enrollments.entries.individuals.has('gw-1');
  }

  it('is removed from DPS in an enrollment group, where it is the one of the deletion', async () => {
    assert.equal(await unblock('group', 'deleted 1', 'deleted 1'), false);
    assert.equal(await unblock('group', 'deleted 1', 'by someone else'), true);
    assert.equal(await unblock('group', undefined, 'deleted 1'), true);
    assert.equal(await unblock('group', 'deleted 1'), true);
    assert.equal(await unblock('group', undefined), true, 'an enrollment without a mark is of someone else');
  });

  it('stays where an individual enrollment takes its place', async () => {
    assert.equal(await unblock('individual', 'deleted 1', 'deleted 1'), true);
  });
});
