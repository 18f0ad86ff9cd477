import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceRecord } from '../../../lib/devices/device.ts';
import { FleetError } from '../../../lib/errors.ts';
import type { ChunkMessage } from '../../../lib/jobs/messages.ts';
import { jobErrors, jobResults } from '../../../lib/jobs/reports.ts';
import { abandonChunk } from '../../../lib/pipeline/abandon-chunk.ts';
import { devicesOfCa, reissueListOfCa } from '../../../lib/pipeline/devices-of-ca.ts';
import { assertEvery } from '../../assert-every.ts';
import { someDevice, someJob } from '../../factories.ts';
import { createWorld, type World } from '../../world.ts';

/* A chunk is given up whose manifest is gone: its rows are known by the records of their devices only. */

const { jobId } = someJob();
const reason = new FleetError('gave-up', 'It was given up.').reason;
const message: ChunkMessage = { jobId, chunk: 0, attempt: 1, start: 9, end: 99, firstLine: 2, rows: 4 };
const claim = (line: number) => ({ jobId, chunk: 0, line, attempt: 1 });

const at = '2026-11-20T08:00:00.000Z';
const identity = { sha1Thumbprint: 'A', sha256Thumbprint: 'B', notBefore: at, notAfter: '2027-11-20T08:00:00.000Z' };

async function given(records: readonly DeviceRecord[], change: Partial<ChunkMessage> = {}, why = reason) {
  const world = createWorld();
  await world.declare('line7', { keyCustody: 'plain' });
  const shape = { format: 'csv', columns: ['deviceId'] } as const;
  const counts = { ...someJob().counts, total: 4 };
  await world.jobs.create(someJob({ status: 'provisioning', defaultGroup: 'line7', shape, chunks: 1, counts }));
  await world.devices.create([...records]);
  await abandonChunk({ ...message, ...change }, why, world.services());
  const faults = await Array.fromAsync(jobErrors(jobId, world));
  return { world, faults, counts: (await world.job(jobId)).counts };
}

describe('a row of a chunk whose manifest is gone', () => {
  it('is provisioned where its device was recorded in time', async () => {
    const { world, faults, counts } = await given([
      someDevice({ id: 'gw-1', claim: claim(2), status: 'provisioned', identity }),
    ]);
    using _ = world;
    assert.deepEqual([counts.provisioned, counts.rejected, counts.failed], [1, 3, 0]);
    const results = await Array.fromAsync(jobResults(jobId, world));
    assert.deepEqual(
      results.map(({ deviceId, line }) => [deviceId, line]),
      [['gw-1', 2]],
    );
    assert.deepEqual(
      faults.map(({ line, code }) => [line, code]),
      [3, 4, 5].map((line) => [line, 'manifest-gone']),
    );
  });

  it('is rejected where its device had only been claimed, and releases it', async () => {
    const { world, faults } = await given([someDevice({ id: 'gw-1', claim: claim(3) })]);
    using _ = world;
    const own = faults.find(({ line }) => line === 3);
    assert.deepEqual([own?.code, own?.value], ['manifest-gone', 'gw-1']);
    assert.equal(
      own?.message,
      'The manifest was deleted, so the row cannot be read again. It failed before with gave-up: It was given up.',
    );
    assert.equal(world.devices.records.get('gw-1')?.status, 'failed');
  });

  it('keeps an error that its sender has to correct, and loses one that a retry could have helped', async () => {
    const failed = (id: string, line: number, code: 'csr-invalid' | 'group-refused') =>
      someDevice({ id, claim: claim(line), status: 'failed', failure: { code, message: 'No.' } });
    const { world, faults, counts } = await given([
      failed('gw-1', 2, 'csr-invalid'),
      failed('gw-2', 3, 'group-refused'),
    ]);
    using _ = world;
    assert.deepEqual(
      faults.slice(0, 2).map(({ line, code, value }) => [line, code, value]),
      [
        [2, 'csr-invalid', 'gw-1'],
        [3, 'manifest-gone', 'gw-2'],
      ],
    );
    assert.match(faults[1]?.message ?? '', /It failed before with group-refused: No\.$/);
    assert.equal(counts.rejected, 4);
  });

  it('has the reason of a device that kept what it had before', async () => {
    const heldBy = { jobId: 'b'.repeat(24), chunk: 0, line: 9, attempt: 1 };
    const failedReissue = { code: 'csr-invalid', message: 'No.', at, serialNumber: 'x', heldBy } as const;
    const { world, faults } = await given([
      someDevice({ id: 'gw-1', claim: claim(2), status: 'assigned', identity, failedReissue }),
    ]);
    using _ = world;
    assert.deepEqual([faults[0]?.line, faults[0]?.code], [2, 'csr-invalid']);
    assert.equal(world.devices.records.get('gw-1')?.status, 'assigned');
  });

  it('is named by its place in the chunk, or by its line where a retry has named that', async () => {
    const first = await given([]);
    using _ = first.world;
    assert.deepEqual(
      first.faults.map(({ message: text }) => /^This is row (\d) of the 4 rows that begin on line 2\./.exec(text)?.[1]),
      ['1', '2', '3', '4'],
    );
    const retried = await given([someDevice({ id: 'gw-1', claim: { ...claim(5), attempt: 2 } })], {
      attempt: 2,
      lines: [3, 5, 7],
    });
    using __ = retried.world;
    assert.deepEqual(
      retried.faults.map(({ line, message: text }) => [line, /^The row begins on line (\d)\./.exec(text)?.[1]]),
      [
        [3, '3'],
        [5, undefined],
        [7, '7'],
      ],
    );
  });

  it('has the reason of the chunk where that is the manifest itself', async () => {
    const gone = new FleetError('manifest-gone', 'Manifest "line7/list.csv" was deleted.').reason;
    const { world, faults } = await given([], {}, gone);
    using _ = world;
    assert.match(faults[0]?.message ?? '', /line 2\. Manifest "line7\/list\.csv" was deleted\.$/);
  });

  it('is not named twice where a quoted line break moved the lines', async () => {
    // The rows are on lines 2, 3, 6 and 7.
    const records = [2, 3, 6, 7].map((line) => someDevice({ id: `gw-${line}`, claim: claim(line) }));
    const { world, faults } = await given(records);
    using _ = world;
    assert.deepEqual(
      faults.map(({ line }) => line),
      [2, 3, 6, 7],
    );
  });

  it('is counted once: a second message changes nothing', async () => {
    const { world, counts } = await given([]);
    using _ = world;
    await abandonChunk(message, reason, world.services());
    assert.deepEqual((await world.job(jobId)).counts, counts);
    assert.equal(counts.rejected, 4);
  });
});

describe('the devices of a delegated CA', () => {
  const ca = { id: 'c'.repeat(32), enrollmentGroup: 'line7' };
  const certificate = (serialNumber: string, delegatedCa: string | undefined = ca.id) => ({
    ...{ kind: 'identity', serialNumber, ...identity, enrollmentGroup: 'line7', state: 'live', since: at },
    ...(delegatedCa !== undefined && { delegatedCa }),
  });
  const device = (id: string, change: Partial<DeviceRecord> = {}, of: string | undefined = ca.id) =>
    someDevice({ id, status: 'assigned', serialNumber: id, certificates: [certificate(id, of)] as never, ...change });

  async function withDevices(keyCustody: 'plain' | 'device' = 'plain'): Promise<World> {
    const world = createWorld();
    await world.declare('line7', { keyCustody });
    await world.devices.create([
      device('gw-1', { twin: { tags: { site: 'ams' }, desired: {} }, writtenId: 'GW-1' }),
      device('gw-2', { status: 'provisioned' }),
      device('gw-3', { status: 'suspended' }),
      device('gw-4', { status: 'revoked' }),
      device('gw-5', {}, 'another'),
      device('gw-6', { serialNumber: 'newer' }),
      device('gw-7', { enrollmentGroup: 'line8' }),
    ]);
    return world;
  }

  it('work with a certificate of it', async () => {
    using world = await withDevices();
    const { items } = await devicesOfCa(ca, { size: 100 }, world);
    assert.deepEqual(
      items.map(({ record, certificate: { serialNumber } }) => [record.id, serialNumber]),
      ['gw-1', 'gw-2', 'gw-3'].map((id) => [id, id]),
    );
    const first = await devicesOfCa(ca, { size: 1 }, world);
    assert.ok(first.continuation);
  });

  for (const [custody, csr] of [
    ['plain', {}],
    ['device', { csr: '' }],
  ] as const) {
    it(`are rows for a job that issues them again, those in use (${custody})`, async () => {
      using world = await withDevices(custody);
      const parts = await Array.fromAsync(reissueListOfCa(ca, world.services()));
      const rows = parts
        .join('')
        .split('\n')
        .filter(Boolean)
        .map((row) => JSON.parse(row));
      assert.deepEqual(rows, [
        { deviceId: 'GW-1', enrollmentGroup: 'line7', ...csr, tags: { site: 'ams' }, desired: {} },
        { deviceId: 'gw-2', enrollmentGroup: 'line7', ...csr },
      ]);
      assert.equal(parts[0], '', 'an answer without devices is an empty list');
    });
  }

  it('are read in pages of 1,000', async () => {
    using world = await withDevices();
    const sizes: number[] = [];
    const services = world.services();
    const list: typeof services.devices.list = (filter, page) => {
      sizes.push(page.size);
      return services.devices.list(filter, { ...page, size: 2 });
    };
    const rows = (
      await Array.fromAsync(reissueListOfCa(ca, { ...services, devices: { ...services.devices, list } }))
    ).join('');
    assert.equal(rows.split('\n').filter(Boolean).length, 2);
    assertEvery(sizes, (size) => size === 1000);
    assert.ok(sizes.length > 1);
  });
});
