import assert from 'node:assert/strict';
import { it } from 'node:test';
import { jobErrors } from '../../../lib/jobs/reports.ts';
import { errorsCsv } from '../../../lib/manifest/report.ts';
import { submitManifest } from '../../../lib/pipeline/submit-manifest.ts';
import { someTime } from '../../factories.ts';
import { createWorld, type World } from '../../world.ts';
import { text } from '../manifest/read-manifest.ts';
import { row, rowsOf, workbook } from '../manifest/workbook.ts';

const list = workbook({
  rows: rowsOf([
    ['deviceId', 'tags.serial'],
    ['gw-1', 352034567890123],
    ['gw-2', 'two\nlines'],
    ['GW 3', 'x'],
    ['gw-4', ''],
  ]),
  sheets: [{ name: 'Notes', rows: row(1, ['a note']) }],
});

async function outcome(world: World, jobId: string) {
  const { status, counts, repairs, format, shape } = await world.job(jobId);
  const devices = [...world.devices.records.values()].map(({ id, status }) => `${id} ${status}`);
  return { status, counts, repairs, format, sheet: shape?.sheet, devices };
}

const expected = {
  status: 'completedWithErrors',
  counts: { total: 4, provisioned: 3, unchanged: 0, rejected: 1, failed: 0, cancelled: 0 },
  repairs: { 'number-cells': 1, 'other-sheets': 1 },
  format: 'xlsx',
  sheet: 'List',
  devices: ['gw-1 provisioned', 'gw-2 provisioned', 'gw-4 provisioned'],
};

async function declared(): Promise<World> {
  const world = createWorld({ chunkRows: 2 });
  await world.declare('line7', { keyCustody: 'plain' });
  return world;
}

it('a workbook in blob storage becomes a job, and its errors name the rows of the sheet', async () => {
  using world = await declared();
  const jobId = await world.upload('line7/list.xlsx', list);
  await world.settle();
  assert.deepEqual(await outcome(world, jobId), expected);
  const { shape } = await world.job(jobId);
  const errors = await text(errorsCsv(jobErrors(jobId, { ...world.services() }), shape));
  assert.match(errors, /^\ufeffdeviceId,tags\.serial,line,code,message\n/);
  assert.match(errors, /\nGW 3,x,4,device-id-invalid,/);
});

it('a workbook over HTTP becomes a job', async () => {
  using world = await declared();
  const body = (async function* () {
    yield list;
  })();
  const submission = { body, format: 'xlsx', defaultGroup: 'line7', onConflict: 'reject' } as const;
  const { jobId, manifest } = await submitManifest(submission, {
    ...world.services(),
    now: () => someTime,
    newId: () => 'an-id',
  });
  assert.equal(manifest.blob, 'line7/_http/an-id.xlsx');
  world.announce({ blobName: manifest.blob, etag: manifest.etag }, list.length);
  await world.settle();
  assert.deepEqual(await outcome(world, jobId), expected);
});

it('a workbook ends the same wherever its job is cut', async () => {
  let calls = Number.POSITIVE_INFINITY;
  for (let cut = 1; cut <= calls; cut += 1) {
    using world = await declared();
    const jobId = await world.upload('line7/list.xlsx', list);
    world.interruptAfter(cut);
    calls = await world.settle();
    assert.deepEqual(await outcome(world, jobId), expected, `cut after call ${cut}`);
  }
  assert.ok(calls > 10);
});

it('the rows of a workbook are read from its table, so they stay when the workbook is deleted', async () => {
  using world = await declared();
  const jobId = await world.upload('line7/list.xlsx', list);
  await world.queue.shift()?.run();
  world.manifests.delete('line7/list.xlsx');
  await world.settle();
  assert.deepEqual(await outcome(world, jobId), expected);
});

it('a workbook that is refused fails its job with the reason, and leaves no table', async () => {
  using world = await declared();
  const macros = workbook({
    rows: rowsOf([['deviceId'], ['gw-1']]),
    extra: [{ name: 'xl/vbaProject.bin', data: 'x' }],
  });
  const bad = workbook({ rows: `${rowsOf([['deviceId']])}<row r="1"><c/></row>` });
  for (const [name, body, message] of [
    ['macros', macros, /has macros/],
    ['bad', bad, /Row "1" comes after row 1/],
  ] as const) {
    const jobId = await world.upload(`line7/${name}.xlsx`, body);
    await world.settle();
    const { status, reason } = await world.job(jobId);
    assert.deepEqual([status, reason?.code], ['failed', 'manifest-workbook']);
    assert.match(reason?.message ?? '', message);
  }
  assert.equal(world.reports.blobs.size, 0);
});

it('an error of the header names the sheet that was read when the workbook has others', async () => {
  using world = await declared();
  const cover = workbook({
    rows: row(1, ['How to fill in this list']),
    sheets: [{ name: 'Devices', rows: rowsOf([['deviceId'], ['gw-1']]) }],
  });
  const jobId = await world.upload('line7/cover.xlsx', cover);
  await world.settle();
  const { reason } = await world.job(jobId);
  assert.equal(reason?.code, 'manifest-header');
  assert.match(reason?.message ?? '', /The sheet "List" was read, the first of the workbook\. 1 more have values/);
});
