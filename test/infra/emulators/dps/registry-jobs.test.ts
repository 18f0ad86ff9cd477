import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import {
  BlobServiceClient,
  type ContainerClient,
  ContainerSASPermissions,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { wellKnownKey } from 'fleet-emulators/dps';
import { assertEvery } from '../../../assert-every.ts';
import { until } from '../../../until.ts';
import { startAzurite } from '../../local/azurite.ts';
import { type RunningDps, startDps } from './running-dps.ts';

/*
 * Import and export jobs of the hubs, with blobs in Azurite.
 */

const limit = { timeout: 120_000 };
const version = 'api-version=2021-04-12';
const headers = { authorization: 'Bearer t', 'content-type': 'application/json' };
const hubs = ['hub-1.localhost', 'hub-2.localhost'].map((hostName) => ({ hostName, key: wellKnownKey }));

let directory: string;
let azurite: Awaited<ReturnType<typeof startAzurite>>;
let dps: RunningDps;
let container: ContainerClient;
let containers = 0;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'registry-jobs-'));
  azurite = await startAzurite(directory);
  dps = await startDps({ hubs, storageConnectionString: azurite.connectionString });
}, limit);
after(async () => {
  await dps?.stop();
  await azurite?.close();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  containers += 1;
  container = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient(`jobs-${containers}`);
  await container.create();
});

async function signed(permissions = 'rwd'): Promise<string> {
  assert.ok(container.credential instanceof StorageSharedKeyCredential);
  const expiresOn = new Date(Date.now() + 3_600_000);
  return container.generateSasUrl({ permissions: ContainerSASPermissions.parse(permissions), expiresOn });
}

const upload = (lines: (object | string)[], name = 'devices.txt') => {
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\r\n');
  return container.getBlockBlobClient(name).upload(text, Buffer.byteLength(text));
};
const linesOf = async (name: string) =>
  (await container.getBlobClient(name).downloadToBuffer()).toString('utf8').split('\n').slice(0, -1);
const identityOf = async (id: string) => (await dps.raw(`/devices/${id}?${version}`, { headers })).json();
const twinOf = async (id: string) => (await dps.raw(`/twins/${id}?${version}`, { headers })).json();

interface Job {
  readonly jobId: string;
  readonly status: string;
  readonly progress: number;
  readonly failureReason: string | null;
}

const finished = (jobId: string, on: RunningDps = dps) =>
  until(async () => {
    const job = (await on.registry.getJob(jobId)) as unknown as Job;
    return !['enqueued', 'running'].includes(job.status) && job;
  });

async function importLines(...lines: (object | string)[]): Promise<Job> {
  await upload(lines);
  const uri = await signed();
  const { jobId, status } = (await dps.registry.importDevicesFromBlob(uri, uri)) as unknown as Job;
  assert.equal(status, 'enqueued');
  return finished(jobId);
}

test('an import does what each line says, and logs the lines that fail', limit, async () => {
  const status = 'enabled';
  const thumbprint = { primaryThumbprint: 'B'.repeat(64) };
  const x509 = { authentication: { type: 'selfSigned', x509Thumbprint: thumbprint } };
  await importLines({ id: 'old', status }, { id: 'gone', status, importMode: 'create' });
  const job = await importLines(
    { id: 'new', status, ...x509, tags: { site: 'berlin' }, properties: { desired: { interval: 60 } } },
    { id: 'old', status: 'disabled', statusReason: 'stolen', importMode: 'update' },
    { id: 'old', status, importMode: 'create' },
    '',
    'not JSON',
    { id: 'gone', status, importMode: 'delete' },
    { id: 'nobody', status, importMode: 'updateIfMatchETag', eTag: 'MQ==' },
    { id: 'no-status' },
    { id: 'new', status, importMode: 'updateTwin', tags: { line: 7 } },
  );
  // As seen at the service: lines that fail do not fail the job.
  assert.deepEqual([job.status, job.failureReason, job.progress], ['completed', null, 100]);
  const added = await identityOf('new');
  assert.equal(added.authentication.x509Thumbprint.primaryThumbprint, thumbprint.primaryThumbprint);
  const twin = await twinOf('new');
  assert.deepEqual([twin.tags, twin.properties.desired.interval], [{ site: 'berlin', line: 7 }, 60]);
  const old = await identityOf('old');
  assert.deepEqual([old.status, old.statusReason], ['disabled', 'stolen']);
  assert.equal((await identityOf('gone')).deviceId, undefined);
  const errors = (await linesOf('importErrors.log')).map((line) => JSON.parse(line));
  assert.deepEqual(
    errors.map(({ deviceId, errorCode }) => [deviceId, errorCode]),
    [
      ['old', 409001],
      ['', 400006],
      ['nobody', 404001],
      ['no-status', 400004],
    ],
  );
});

test('an export has a line per device, and can be imported into another hub', limit, async () => {
  const ids = Array.from({ length: 250 }, (_, index) => `export-${index}`);
  await importLines(
    ...ids.map((id) => ({ id, status: 'enabled', tags: { id }, capabilities: { iotEdge: id === 'export-7' } })),
  );
  const { jobId } = (await dps.registry.exportDevicesToBlob(await signed(), false)) as unknown as Job;
  assert.equal((await finished(jobId)).status, 'completed');
  const lines = await linesOf('devices.txt');
  const devices = lines.map((line) => JSON.parse(line)).filter(({ id }) => id.startsWith('export-'));
  assert.deepEqual(
    devices.map(({ id }) => id),
    ids,
  );
  const [seventh] = devices.slice(7);
  const identity = await identityOf('export-7');
  assert.deepEqual(
    [seventh.eTag, seventh.status, seventh.authentication, seventh.capabilities, seventh.deviceScope],
    [identity.etag, 'enabled', identity.authentication, { iotEdge: true }, identity.deviceScope],
  );
  const twin = await twinOf('export-7');
  assert.deepEqual([seventh.twinETag, seventh.tags, seventh.properties], [twin.etag, twin.tags, twin.properties]);

  const other = await startDps({ hubs });
  try {
    const uri = await signed();
    const started = (await other.registry.importDevicesFromBlob(uri, uri)) as unknown as Job;
    assert.equal((await finished(started.jobId, other)).status, 'completed');
    const copy = (await other.raw(`/devices/export-7?${version}`, { headers })).json();
    assert.deepEqual(copy.authentication, identity.authentication);
    assert.equal((await other.registry.getTwin('export-8')).responseBody.tags['id'], 'export-8');
    await assert.rejects(linesOf('importErrors.log'), { statusCode: 404 });
  } finally {
    await other.stop();
  }
});

test('an export without keys has a warning in the first line and no authentication', limit, async () => {
  await importLines({ id: 'without-keys', status: 'enabled' });
  const { jobId } = (await dps.registry.exportDevicesToBlob(await signed(), true)) as unknown as Job;
  await finished(jobId);
  const [warning = '', ...lines] = await linesOf('devices.txt');
  assert.throws(() => JSON.parse(warning), SyntaxError);
  assertEvery(lines, (line) => JSON.parse(line).authentication === null);
});

test('a job may use the identity of the hub', limit, async () => {
  const { jobId } = (await dps.registry.exportDevicesToBlobByIdentity(container.url, false)) as unknown as Job;
  assert.equal((await finished(jobId)).status, 'completed');
  assert.ok((await linesOf('devices.txt')).length > 0);
  await assert.rejects(dps.registry.exportDevicesToBlobByIdentity('http://elsewhere.localhost/x', false), {
    name: 'ArgumentError',
    responseBody: /BlobContainerValidationError/,
  });
});

test('access to the containers is checked before a job is accepted', limit, async () => {
  const all = await signed();
  const isRefused = { name: 'ArgumentError', responseBody: /^{"Message":"ErrorCode:BlobContainerValidationError;/ };
  // There is no devices.txt yet.
  await assert.rejects(dps.registry.importDevicesFromBlob(all, all), isRefused);
  await upload([]);
  const readOnly = await signed('r');
  await assert.rejects(dps.registry.importDevicesFromBlob(all, readOnly), isRefused);
  await assert.rejects(dps.registry.exportDevicesToBlob(readOnly, false), isRefused);
  await assert.rejects(dps.registry.exportDevicesToBlob(container.url, false), isRefused);
  await assert.rejects(dps.registry.exportDevicesToBlob('no uri', false), isRefused);
  const { jobId } = (await dps.registry.importDevicesFromBlob(readOnly, all)) as unknown as Job;
  assert.equal((await finished(jobId)).status, 'completed');
});

test('a hub runs one job at a time, which can be cancelled', limit, async () => {
  await upload(Array.from({ length: 20_000 }, (_, index) => ({ id: `one-${index}`, status: 'enabled' })));
  const uri = await signed();
  const first = (await dps.registry.importDevicesFromBlob(uri, uri)) as unknown as Job;
  await assert.rejects(dps.registry.exportDevicesToBlob(uri, false), { responseBody: /JobQuotaExceeded/ });
  await dps.registry.cancelJob(first.jobId);
  assert.equal((await finished(first.jobId)).status, 'cancelled');
  const { totalDeviceCount } = (await dps.registry.getRegistryStatistics()).responseBody;
  assert.ok(totalDeviceCount < 20_000);
  const { jobId } = (await dps.registry.exportDevicesToBlob(uri, false)) as unknown as Job;
  assert.equal((await finished(jobId)).status, 'completed');
  const listed = (await dps.registry.listJobs()).responseBody as unknown as (Job & Record<string, unknown>)[];
  const shown = listed.find((job) => job.jobId === jobId);
  // As seen at the service, the URIs with their signatures are not echoed.
  assert.doesNotMatch(JSON.stringify(shown), /sig=/);
  await assert.rejects(dps.registry.getJob('no-job'), { responseBody: /JobNotFound/ });
  const invalid = await dps.raw(`/jobs/create?${version}`, { method: 'POST', headers, body: '{"type":"import"}' });
  assert.equal(invalid.headers['iothub-errorcode'], 'ArgumentInvalid');
});

test('a job that is cut is continued by the next process, and does no line twice', limit, async () => {
  const options = { hubs, dataFile: join(directory, 'cut.sqlite') };
  const count = 5000;
  // A line that is done twice is logged: the device exists already.
  await upload(
    Array.from({ length: count }, (_, index) => ({ id: `cut-${index}`, status: 'enabled', importMode: 'create' })),
  );
  const uri = await signed();
  const first = await startDps(options);
  const { jobId } = (await first.registry.importDevicesFromBlob(uri, uri)) as unknown as Job;
  await until(async () => (await first.registry.getRegistryStatistics()).responseBody.totalDeviceCount > 0);
  await first.stop();
  const second = await startDps(options);
  try {
    const { totalDeviceCount } = (await second.registry.getRegistryStatistics()).responseBody;
    assert.ok(totalDeviceCount > 0 && totalDeviceCount < count, String(totalDeviceCount));
    assert.equal((await finished(jobId, second)).status, 'completed');
    assert.equal((await second.registry.getRegistryStatistics()).responseBody.totalDeviceCount, count);
    await assert.rejects(linesOf('importErrors.log'), { statusCode: 404 });
  } finally {
    await second.stop();
  }
});
