import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceCertificate } from '../../../../lib/devices/certificate.ts';
import type { DeviceRecord, DeviceStore } from '../../../../lib/devices/device.ts';
import { type ConflictPolicy, partName } from '../../../../lib/jobs/job.ts';
import type { DeviceRequest } from '../../../../lib/manifest/manifest.ts';
import { claimOptions, claimRows, lookUpClaims, recordsOfAttempt } from '../../../../lib/pipeline/steps/claim.ts';
import { someDevice, someJob, someTime } from '../../../factories.ts';
import { createMemoryDeviceStore } from '../../../memory/device-store.ts';
import { createMemoryJobStore } from '../../../memory/job-store.ts';

const jobId = 'b'.repeat(24);
const attempt = { jobId, chunk: 3, attempt: 2 };
const part = partName(3, 2);
const at = someTime.toISOString();
const [elsewhere, own] = [
  { jobId: 'a'.repeat(24), chunk: 0, line: 9, attempt: 1 },
  { ...attempt, line: 2 },
];

const row = (line: number, change: Partial<DeviceRequest> = {}): DeviceRequest => ({
  ...{ line, deviceId: `gw-${line}`, source: `gw-${line}`, enrollmentGroup: 'line7', tags: {}, desired: {} },
  ...change,
});

/** Stores with these devices and serial numbers. */
async function stores(records: readonly DeviceRecord[] = [], claims: Readonly<Record<string, string>> = {}) {
  const devices = createMemoryDeviceStore();
  const jobs = createMemoryJobStore();
  await devices.create([...records]);
  if (Object.keys(claims).length > 0) await jobs.claim(jobId, part, new Map(Object.entries(claims)));
  return { devices, jobs, now: () => someTime };
}

interface Asked {
  readonly onConflict?: ConflictPolicy;
  readonly allowedGroups?: readonly string[];
}

async function claim(rows: readonly DeviceRequest[], ports: Awaited<ReturnType<typeof stores>>, asked: Asked = {}) {
  const job = someJob({ jobId, onConflict: 'reject', ...asked });
  return claimRows(rows, claimOptions(job, { ...attempt, ...{ rows: 9 } } as never), ports);
}

describe('rows claim their devices', () => {
  it('new ones by serial numbers that are stored before anything is signed', async () => {
    const ports = await stores();
    const { claimed, unchanged, errors, hasPriorClaims, lost } = await claim(
      [row(3, { writtenId: 'GW-3' }), row(2)],
      ports,
    );
    assert.deepEqual([unchanged, errors, hasPriorClaims, lost.size], [[], [], false, 0]);
    assert.deepEqual(
      claimed.map(({ request }) => request.line),
      [2, 3],
    );
    const stored = await ports.jobs.claimed(jobId, part);
    for (const { request, record } of claimed) {
      const { deviceId, line, writtenId } = request;
      const { value, etag } = record;
      assert.equal(etag, undefined);
      assert.match(value.serialNumber, /^[0-9a-f]{32}$/);
      assert.equal(value.serialNumber, stored?.get(deviceId));
      assert.deepEqual(
        [value.id, value.status, value.statusSince, value.claim, value.writtenId],
        [deviceId, 'claimed', at, { ...attempt, line }, writtenId],
      );
    }
    assert.deepEqual(ports.devices.records.size, 0, 'a new device has no record until it is issued');
  });

  it('by the serial number that an earlier delivery fixed', async () => {
    const { claimed, hasPriorClaims, lost } = await claim(
      [row(2), row(3)],
      await stores([], { 'gw-2': '7'.repeat(32) }),
    );
    assert.equal(claimed[0]?.record.value.serialNumber, '7'.repeat(32));
    assert.notEqual(claimed[1]?.record.value.serialNumber, '7'.repeat(32));
    assert.deepEqual([hasPriorClaims, lost.size], [true, 0]);
  });

  it('and name those that an earlier delivery fixed, and another row has by now', async () => {
    const taken = someDevice({ id: 'gw-2', claim: elsewhere, status: 'claimed' });
    const { claimed, errors, hasPriorClaims, lost } = await claim(
      [row(2), row(3)],
      await stores([taken], { 'gw-2': '7'.repeat(32), 'gw-3': '8'.repeat(32) }),
    );
    assert.equal(claimed.length, 1);
    assert.deepEqual([errors[0]?.code, errors[0]?.line, hasPriorClaims], ['device-busy', 2, true]);
    assert.deepEqual([...lost], [['gw-2', '7'.repeat(32)]]);
  });

  it('with a record by that, which is stored at once', async () => {
    const failed = someDevice({ id: 'gw-2', claim: elsewhere, status: 'failed' });
    const ports = await stores([failed]);
    const { claimed, hasPriorClaims } = await claim([row(2)], ports);
    const record = ports.devices.records.get('gw-2');
    assert.deepEqual([claimed[0]?.record.value, hasPriorClaims], [record, false]);
    assert.ok(claimed[0]?.record.etag);
    assert.deepEqual([record?.status, record?.claim], ['claimed', own]);
    assert.equal(await ports.jobs.claimed(jobId, part), undefined);
    const [event] = record?.history ?? [];
    assert.deepEqual(event, {
      ...{ at, event: 'superseded failed' },
      detail: `job ${elsewhere.jobId}, line 9, certificate ${failed.serialNumber}`,
    });
  });

  it('that are theirs already', async () => {
    const held = someDevice({ id: 'gw-2', claim: own, status: 'provisioned' });
    const { claimed, hasPriorClaims } = await claim([row(2)], await stores([held]));
    assert.deepEqual([claimed[0]?.record.value, hasPriorClaims], [held, true]);
  });

  it('but not one whose row failed in another delivery', async () => {
    const failure = { code: 'group-refused', message: 'No.' } as const;
    const failed = someDevice({ id: 'gw-2', claim: own, status: 'failed', failure });
    const { errors, hasPriorClaims } = await claim([row(2)], await stores([failed]));
    assert.deepEqual([errors[0]?.code, errors[0]?.message, errors[0]?.value], ['group-refused', 'No.', 'gw-2']);
    assert.equal(hasPriorClaims, true);
  });

  it('but not one of a group that the submitter may not use, whatever its row says', async () => {
    const foreign = someDevice({ id: 'gw-2', enrollmentGroup: 'line8', claim: elsewhere, status: 'failed' });
    const ports = await stores([foreign, { ...foreign, id: 'gw-3', enrollmentGroup: 'line7' }]);
    const { claimed, errors } = await claim([row(2), row(3)], ports, { allowedGroups: ['line7'] });
    assert.deepEqual(
      errors.map(({ code, line, column }) => [code, line, column]),
      [['forbidden', 2, 'deviceId']],
    );
    assert.deepEqual(
      claimed.map(({ request }) => request.line),
      [3],
    );
    assert.equal((await claim([row(2)], await stores([foreign]))).claimed.length, 1);
  });

  it('in three tries, where others change them', async () => {
    const failed = someDevice({ id: 'gw-2', claim: elsewhere, status: 'failed' });
    for (const [refusals, isClaimed] of [
      [0, true],
      [2, true],
      [3, false],
    ] as const) {
      const ports = await stores([failed]);
      let asked = 0;
      const { replace } = ports.devices;
      const contested: DeviceStore = {
        ...ports.devices,
        replace: async (records) => {
          asked += 1;
          if (asked > refusals) return replace(records);
          return { written: new Map(), conflicts: records.map(({ value }) => value) };
        },
      };
      const { claimed, errors } = await claim([row(2)], { ...ports, devices: contested as never });
      assert.deepEqual([claimed.length, errors[0]?.code], isClaimed ? [1, undefined] : [0, 'device-busy']);
      assert.equal(asked, Math.min(refusals + 1, 3));
    }
  });
});

describe('a device that another row takes over', () => {
  const certificate = {
    ...{ kind: 'identity', serialNumber: '01'.repeat(16), sha1Thumbprint: 'A1', sha256Thumbprint: 'B1' },
    ...{ notBefore: at, notAfter: '2027-11-23T08:00:00.000Z', enrollmentGroup: 'line8', state: 'live', since: at },
  } as const satisfies DeviceCertificate;
  const worked = someDevice({
    ...{ id: 'gw-2', enrollmentGroup: 'line8', status: 'assigned', claim: elsewhere, serialNumber: '01'.repeat(16) },
    ...{ hubs: ['a.example.net'], formerGroups: ['line6'], formerCertificateNames: ['ee'] },
    certificates: [certificate],
    enrolledCertificates: ['B1'],
    identity: { sha1Thumbprint: 'A1', sha256Thumbprint: 'B1', notBefore: at, notAfter: certificate.notAfter },
    renewals: [{ kind: 'identity' } as never],
  });
  const taken = async (record: DeviceRecord): Promise<DeviceRecord> => {
    const { claimed } = await claim([row(2)], await stores([record]), { onConflict: 'replace' });
    return claimed[0]?.record.value ?? assert.fail('not taken');
  };

  it('keeps its certificates, its names, its hubs, its groups, and what is in force', async () => {
    const record = await taken(worked);
    assert.deepEqual(record.certificates, [certificate]);
    assert.deepEqual(
      [record.enrolledCertificates, record.hubs, record.renewals],
      [['B1'], ['a.example.net'], worked.renewals],
    );
    assert.deepEqual(record.formerGroups, ['line6', 'line8']);
    assert.deepEqual(record.formerCertificateNames, ['ee', '01'.repeat(16), 'a1', 'b1']);
    assert.deepEqual([record.before?.status, record.before?.serialNumber], ['assigned', '01'.repeat(16)]);
    assert.deepEqual([record.enrollmentGroup, record.deletion], ['line7', undefined]);
  });

  it('has no members for what it did not have', async () => {
    const record = await taken(someDevice({ id: 'gw-2', claim: elsewhere, status: 'failed' }));
    for (const name of [
      'enrolledCertificates',
      'certificates',
      'renewals',
      'before',
      'hubs',
      'deletion',
      'formerGroups',
    ])
      assert.ok(!Object.hasOwn(record, name), name);
  });

  it('keeps the block of its deletion, or of the operator who scrapped it, until its certificate is recorded', async () => {
    const deletion = { by: 'Ann', at, block: 'deleted 1' };
    assert.deepEqual((await taken({ ...worked, status: 'deleted', deletion })).deletion, deletion);
    const block = {
      kind: 'scrapped',
      by: 'Bob',
      at,
      reason: '',
      mark: 'm',
      from: 'assigned',
      marks: ['m'],
      doors: {},
    } as const;
    const scrapped = { ...worked, status: 'scrapped', block, certificates: [] } as const;
    assert.deepEqual((await taken(scrapped)).deletion, { by: 'Bob', at, block: 'm' });
  });

  it('owes the events that it owed', async () => {
    const outbox = [{ id: 'e', time: at }] as never;
    assert.deepEqual((await taken({ ...worked, outbox, owedSince: at })).outbox, outbox);
  });
});

describe('claims that are looked up', () => {
  const look = async (rows: readonly DeviceRequest[], ports: Awaited<ReturnType<typeof stores>>) =>
    lookUpClaims(rows, claimOptions(someJob({ jobId, onConflict: 'reject' }), attempt as never), ports);

  it('are those of the records, and those of the job for devices without one', async () => {
    const held = someDevice({ id: 'gw-4', claim: { ...attempt, line: 4 }, status: 'claimed' });
    const failed = someDevice({ id: 'gw-5', claim: elsewhere, status: 'failed' });
    const ports = await stores([held, failed], { 'gw-3': '7'.repeat(32), 'gw-5': '8'.repeat(32) });
    const found = await look([row(2), row(3), row(4), row(5)], ports);
    assert.deepEqual(
      found.claimed.map(({ request, record }) => [request.line, record.value.serialNumber]),
      [
        [3, '7'.repeat(32)],
        [4, held.serialNumber],
      ],
    );
    assert.deepEqual(
      found.open.map(({ request }) => request.line),
      [2, 5],
    );
    assert.deepEqual([found.hasPriorClaims, [...found.lost]], [true, [['gw-5', '8'.repeat(32)]]]);
    assert.deepEqual(ports.devices.records.get('gw-5'), failed, 'nothing is written');
  });

  it('are none where none were made', async () => {
    const { claimed, open, hasPriorClaims, lost } = await look([row(2)], await stores());
    assert.deepEqual([claimed.length, open.length, hasPriorClaims, lost.size], [0, 1, false, 0]);
  });

  it('are there where a record or the job has one', async () => {
    const held = someDevice({ id: 'gw-2', claim: own, status: 'claimed' });
    assert.equal((await look([row(2)], await stores([held]))).hasPriorClaims, true);
    assert.equal((await look([row(2)], await stores([], { 'gw-9': '1' }))).hasPriorClaims, true);
  });
});

it('the records of an attempt are those of its job, chunk and attempt, in pages', async () => {
  const devices = createMemoryDeviceStore();
  const claims = [own, { ...own, chunk: 4 }, { ...own, attempt: 1 }, elsewhere, { ...own, line: 5 }];
  await devices.create(claims.map((each, index) => someDevice({ id: `gw-${index}`, claim: each })));
  const sizes: number[] = [];
  const paged: DeviceStore = {
    ...devices,
    list: (filter, page) => {
      sizes.push(page.size);
      return devices.list(filter, { ...page, size: 2 });
    },
  };
  const found = await Array.fromAsync(recordsOfAttempt(attempt, paged));
  assert.deepEqual(found.map(({ value }) => value.id).sort(), ['gw-0', 'gw-4']);
  assert.deepEqual(sizes, [1000, 1000]);
});
