import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { CosmosClient } from '@azure/cosmos';
import { parse } from 'csv-parse/sync';
import type { DeviceAnswer, GroupAnswer, JobAnswer } from '../../infra/local/demo/api.ts';
import { readBundle, unpackBundle } from '../../infra/local/demo/bundle-files.ts';
import { createHubTwinReader } from '../../infra/local/demo/hub-twin.ts';
import { registerDevice } from '../../infra/local/demo/register-device.ts';
import { writeResult } from '../../infra/local/demo/result-directory.ts';
import { until } from '../until.ts';
import { manifestOf, startTestStack, type TestStack } from './test-stack.ts';

/*
 * From each of the three inputs to a registered device, with the clients that users have: @azure/storage-blob,
 * @azure/storage-queue and HTTP at one end, the provisioning device client and azure-iothub at the other.
 */

let fleet: TestStack;
let group: GroupAnswer;

const definition = {
  keyCustody: 'plain',
  initialTwin: { tags: { line: 7 }, desired: { telemetryInterval: 60 } },
};

before(async () => {
  fleet = await startTestStack({ settings: { CHUNK_ROWS: '10' }, reconcileSchedule: '* * * * * *' });
  group = await fleet.api.put<GroupAnswer>('enrollment-groups/line7', definition);
});
after(() => fleet?.close());

const limit = { timeout: 120_000 };

function counts({ counts: { total, provisioned, unchanged, rejected, failed, waiting } }: JobAnswer) {
  return { total, provisioned, unchanged, rejected, failed, waiting };
}

/** Registers a device with its bundle only, then checks its record and its twin in the hub. */
async function comesAlive(deviceId: string, wantedTags: object): Promise<void> {
  const bundle = await readBundle(await fleet.api.getBytes(`devices/${deviceId}/bundle`));
  const hub = await registerDevice(deviceId, bundle, fleet.stack.dps);
  const device = await until(async () => {
    const found = await fleet.api.get<DeviceAnswer>(`devices/${deviceId}`);
    return found.status === 'assigned' && found;
  });
  assert.equal(device.registration.assignedHub, hub);
  const twin = await createHubTwinReader(fleet.stack.hubConnectionString)(hub, deviceId);
  assert.deepEqual(twin.tags, { line: 7, ...wantedTags });
  assert.deepEqual(twin.desired, { telemetryInterval: 60 });
  const { sha1Thumbprint, sha256Thumbprint } = device.certificate;
  assert.ok(
    [sha1Thumbprint, sha256Thumbprint].includes(twin.thumbprint),
    'the hub has the thumbprint of its certificate',
  );
}

test('a declared group is in DPS, with a CA that the root signed', limit, () => {
  assert.equal(group.enrollment.status, 'enrolled');
  const [ca] = group.issuingCas;
  const issuing = new X509Certificate(ca?.certificatePem ?? '');
  const root = new X509Certificate(ca?.chainPem.at(-1) ?? '');
  assert.ok(issuing.verify(root.publicKey) && issuing.checkIssued(root));
});

test('devices of a manifest in blob storage register, and its bad rows are reported by line', limit, async () => {
  const bad = ['BLOB-X,berlin,1', 'blob-3,berlin,3', 'blob-y,berlin,four', 'blob-z,berlin', '=1+1,berlin,2'];
  const jobId = await fleet.upload('line7/blob.csv', `${manifestOf('blob', 25)}${bad.join('\r\n')}\r\n`);
  const job = await fleet.ended(jobId);
  assert.equal(job.status, 'completedWithErrors');
  assert.deepEqual(counts(job), { total: 30, provisioned: 25, unchanged: 0, rejected: 5, failed: 0, waiting: 0 });

  const errors = parse<Record<string, string>>(await fleet.api.getText(`jobs/${jobId}/errors`), { columns: true });
  const isDuplicate = ({ code }: Record<string, string>) => code === 'device-id-duplicate';
  const [duplicate] = errors.filter(isDuplicate);
  const others = errors.filter((each) => !isDuplicate(each));
  // The two rows are in different chunks, which run at the same time: either can be the one that has the device.
  const lines = ['4', '28'];
  assert.deepEqual([duplicate?.code, duplicate?.deviceId], ['device-id-duplicate', 'blob-3']);
  assert.ok(lines.includes(duplicate?.line ?? ''), duplicate?.line);
  const [other] = lines.filter((line) => line !== duplicate?.line);
  assert.match(duplicate?.message ?? '', new RegExp(`Line ${other} `));
  assert.deepEqual(
    others.map(({ line, code, deviceId }) => [line, code, deviceId]),
    [
      ['27', 'device-id-invalid', 'BLOB-X'],
      ['29', 'value-type', 'blob-y'],
      ['30', 'row-columns', 'blob-z'],
      // The quote keeps a spreadsheet from running it as a formula.
      ['31', 'device-id-invalid', "'=1+1"],
    ],
  );
  const results = parse<Record<string, string>>(await fleet.api.getText(`jobs/${jobId}/results`), { columns: true });
  assert.equal(new Set(results.map(({ deviceId }) => deviceId)).size, 25);

  const pages = await fleet.devicesOf(jobId, 10);
  assert.deepEqual(
    pages.map(({ length }) => length),
    [10, 10, 5],
  );
  assert.equal(new Set(pages.flat().map(({ deviceId }) => deviceId)).size, 25);

  const files = await readBundle(await fleet.api.getBytes('devices/blob-7/bundle'));
  assert.ok(files.has('config.toml') && files.has('README.md'), [...files.keys()].join());
  await comesAlive('blob-7', { site: 'berlin', slot: 7 });
});

test('a list that is uploaded to a signed address becomes a job of its caller', limit, async () => {
  interface Upload {
    readonly jobId?: string;
    readonly links: { readonly self: string };
  }
  const { urls, functionsKey } = fleet.stack;
  const call = async (method: string, path: string) => {
    const answer = await fetch(`${urls.functions}${path}`, { method, headers: { 'x-functions-key': functionsKey } });
    return answer.json();
  };
  const prepared = await call('POST', '/api/uploads?enrollmentGroup=line7');
  const { upload, url, headers } = prepared as { upload: Upload; url: string; headers: Record<string, string> };
  const list = manifestOf('sent', 5);
  const put = async (to: string) => {
    // Metadata of the blob that would fail its job.
    const answer = await fetch(to, {
      method: 'PUT',
      body: list,
      headers: { ...headers, 'x-ms-meta-onconflict': 'never' },
    });
    await answer.body?.cancel();
    return answer.status;
  };
  assert.equal(await put(url.replace('_upload/', '_upload/other-')), 403);
  assert.equal(await put(url), 201);
  assert.ok([403, 409].includes(await put(url)), 'it can be created once');
  assert.equal((await fetch(url)).status, 403, 'it cannot be read');
  const { jobId = '' } = await until(async () => {
    const found = (await call('GET', upload.links.self)) as Upload;
    return found.jobId !== undefined && found;
  });
  const job = await fleet.ended(jobId);
  assert.deepEqual([job.status, job.counts.provisioned], ['completed', 5]);
  const { submittedBy } = (await call('GET', `/api/jobs/${jobId}`)) as { submittedBy?: { by: string } };
  assert.equal(submittedBy?.by, 'function key');
});

test('the files that the demo writes are the answers of the API', limit, async () => {
  const jobId = await fleet.upload('line7/kept.csv', `${manifestOf('kept', 2)}KEPT-X,berlin,1\n`);
  const jobs = [await fleet.ended(jobId)];
  const bundles: [string, Buffer][] = [['kept-2', await fleet.api.getBytes('devices/kept-2/bundle')]];
  const out = join(fleet.directory, 'out');
  await writeResult(out, { api: fleet.api, jobs, group, bundles });
  const text = (path: string) => readFile(join(out, path), 'utf8');
  assert.equal(await text('results.csv'), await fleet.api.getText(`jobs/${jobId}/results`));
  assert.match(await text('errors.csv'), /KEPT-X/);
  const [root, ca] = [new X509Certificate(await text('ca/root.pem')), new X509Certificate(await text('ca/line7.pem'))];
  assert.ok(ca.checkIssued(root) && ca.verify(root.publicKey));
  const files = await readdir(join(out, 'devices/kept-2'), { recursive: true });
  assert.ok(files.includes('config.toml') && files.includes('README.md'), files.join());
  // A forged bundle cannot write outside its folder.
  const hostile = new Map([['../outside', { body: Buffer.from('x'), mode: 0o644 }]]);
  await assert.rejects(unpackBundle(hostile, join(out, 'devices/hostile')), /path outside its folder/);
});

test('the bundle of a failed device is answered with bundle-unavailable', limit, async () => {
  const { endpoint, key, database } = fleet.stack.cosmos;
  const client = new CosmosClient({ endpoint, key });
  try {
    const devices = client.database(database).container('devices');
    const { resource } = await devices.item('kept-1', 'kept-1').read();
    await devices.items.create({ ...resource, id: 'kept-failed', status: 'failed', bundle: undefined });
  } finally {
    client.dispose();
  }
  const answer = await fetch(`${fleet.stack.urls.functions}/api/devices/kept-failed/bundle`, {
    headers: { 'x-functions-key': fleet.stack.functionsKey },
  });
  assert.equal(answer.headers.get('content-type'), 'application/problem+json');
  assert.equal(((await answer.json()) as { title: string }).title, 'bundle-unavailable');
});

test('the same manifest again changes nothing', limit, async () => {
  const text = manifestOf('twice', 12);
  const first = await fleet.ended(await fleet.upload('line7/twice.csv', text));
  assert.equal(first.counts.provisioned, 12);
  const before = await fleet.api.get<DeviceAnswer>('devices/twice-1');
  const again = await fleet.ended(await fleet.upload('line7/twice.csv', text));
  assert.notEqual(again.jobId, first.jobId);
  assert.deepEqual(counts(again), { total: 12, provisioned: 0, unchanged: 12, rejected: 0, failed: 0, waiting: 0 });
  assert.deepEqual((await fleet.api.get<DeviceAnswer>('devices/twice-1')).certificate, before.certificate);
});

test('an error report with its rows fixed is a valid manifest', limit, async () => {
  const jobId = await fleet.upload('line7/to-fix.csv', 'deviceId,tags.site\nfix-1,a\nFIX-2,b\n');
  await fleet.ended(jobId);
  const report = await fleet.api.getText(`jobs/${jobId}/errors`);
  const fixed = await fleet.ended(await fleet.upload('line7/fixed.csv', report.replace('FIX-2', 'fix-2')));
  assert.deepEqual(counts(fixed), { total: 1, provisioned: 1, unchanged: 0, rejected: 0, failed: 0, waiting: 0 });
});

test(
  'devices of an order register; the same order again is the same job, a changed one is refused',
  limit,
  async () => {
    const order = {
      ...{ orderId: 'PO/1 "ä"', enrollmentGroup: 'line7', tags: { customer: 'acme' } },
      range: { prefix: 'pump-', start: 1, count: 15, width: 4 },
    };
    const orders = fleet.queue('orders');
    await orders.sendMessage(JSON.stringify(order));
    const named = async (status?: string) => {
      const { jobs } = await fleet.api.get<{ jobs: JobAnswer[] }>('jobs?limit=1000');
      return jobs.filter((job) => job.name === order.orderId && (status === undefined || job.status === status));
    };
    const [first] = await until(async () => {
      const found = await named('completed');
      return found.length > 0 && found;
    });
    assert.equal(first?.counts.provisioned, 15);
    await comesAlive('pump-0001', { customer: 'acme' });

    // The same content in an envelope and in base64; then other content under the same id.
    const envelope = { specversion: '1.0', id: '1', source: '/erp', type: 'order', data: order };
    await orders.sendMessage(Buffer.from(JSON.stringify(envelope)).toString('base64'));
    await orders.sendMessage(JSON.stringify({ ...order, tags: { customer: 'other' } }));
    const [refused] = await until(async () => {
      const found = await named('failed');
      return found.length > 0 && found;
    });
    assert.equal(refused?.reason?.code, 'order-conflict');
    await until(async () => ((await orders.getProperties()).approximateMessagesCount ?? 0) === 0);
    assert.deepEqual((await named()).map(({ status }) => status).sort(), ['completed', 'failed']);
  },
);

test('devices of a manifest sent by HTTP register', limit, async () => {
  const rows = Array.from({ length: 12 }, (_, index) =>
    JSON.stringify({ deviceId: `http-${index}`, tags: { n: index } }),
  );
  const answer = await fetch(`${fleet.stack.urls.functions}/api/jobs?enrollmentGroup=line7`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', 'x-functions-key': fleet.stack.functionsKey },
    body: rows.join('\n'),
  });
  assert.equal(answer.status, 202);
  const jobId = answer.headers.get('location')?.replace('/api/jobs/', '') ?? '';
  const job = await fleet.ended(jobId);
  assert.deepEqual([job.source, job.status, job.counts.provisioned], ['http', 'completed', 12]);
  await comesAlive('http-3', { n: 3 });
});

test('an upload comes as a form, in gzip and in another charset, and for a declared group only', limit, async () => {
  const send = (query: string, body: string | Buffer | FormData, headers: Record<string, string> = {}) =>
    fetch(`${fleet.stack.urls.functions}/api/jobs${query}`, {
      method: 'POST',
      headers: { 'x-functions-key': fleet.stack.functionsKey, ...headers },
      body: body as FormData,
    });
  const form = new FormData();
  form.append('file', new Blob(['deviceId,tags.ort\nform-1,Köln\n'], { type: 'text/csv' }), 'list.csv');
  const packed = gzipSync(Buffer.from('deviceId,tags.ort\ngzip-1,K\xf6ln\n', 'latin1'));
  const answers = [
    await send('?enrollmentGroup=line7', form),
    await send('?enrollmentGroup=line7', packed, {
      'content-type': 'application/vnd.ms-excel; charset=windows-1252',
      'content-encoding': 'gzip',
    }),
  ];
  for (const answer of answers) {
    assert.equal(answer.status, 202, await answer.clone().text());
    const { status } = await fleet.ended(((await answer.json()) as JobAnswer).jobId);
    assert.equal(status, 'completed');
  }
  const devices = ['form-1', 'gzip-1'].map((id) => fleet.api.get<{ twin: { tags: object } }>(`devices/${id}`));
  for (const { twin } of await Promise.all(devices)) assert.deepEqual(twin.tags, { line: 7, ort: 'Köln' });

  const unknown = await send('?enrollmentGroup=lnie7', 'deviceId\na\n', { 'content-type': 'text/csv' });
  assert.equal(unknown.status, 404);
  assert.match(((await unknown.json()) as { detail: string }).detail, /Did you mean "line7"/);
});

test('names with #, %, blanks and characters beyond ASCII arrive whole', limit, async () => {
  for (const [index, name] of ['a#1.csv', '100%.csv', 'a%20b.csv', 'Größe 9 + ü/📦.csv'].entries()) {
    const job = await fleet.ended(await fleet.upload(`line7/${name}`, `deviceId\nname-${index}\n`));
    assert.deepEqual([job.name, job.status], [`line7/${name}`, 'completed']);
  }
});

test('an empty blob makes no job', limit, async () => {
  const empty = await fleet.upload('line7/created-first.csv', '');
  const job = await fleet.ended(await fleet.upload('line7/created-first.csv', 'deviceId\nwritten-later\n'));
  assert.equal(job.status, 'completed');
  const { jobs } = await fleet.api.get<{ jobs: JobAnswer[] }>('jobs?limit=1000');
  assert.ok(!jobs.some(({ jobId }) => jobId === empty));
});

test('a device with an individual enrollment registers', limit, async () => {
  await fleet.api.put('enrollment-groups/singles', { ...definition, enrollment: 'individual' });
  const job = await fleet.ended(await fleet.upload('singles/list.csv', manifestOf('single', 12)));
  assert.deepEqual(counts(job), { total: 12, provisioned: 12, unchanged: 0, rejected: 0, failed: 0, waiting: 0 });
  await comesAlive('single-12', { site: 'berlin', slot: 12 });
});

test('a file that is not a manifest is a failed job with one reason', limit, async () => {
  // The first bytes of every workbook: it is a ZIP file.
  const workbook = Buffer.from('504b0304140006000800000021', 'hex');
  const wrong: [string, string | Buffer, string][] = [
    ['line7/workbook.csv', workbook, 'manifest-not-text'],
    ['line7/empty.csv', '\n', 'manifest-empty'],
    ['line7/list.txt', 'deviceId\ntxt-1\n', 'manifest-format'],
    ['line7/list.csv ', 'deviceId\ntxt-2\n', 'manifest-format'],
    ['Line 7/list.csv', 'deviceId\ntxt-3\n', 'group-unknown'],
    ['line7/header.csv', 'name,place\na,b\n', 'manifest-header'],
    ['line7/quote.csv', 'deviceId,tags.a\nquote-1,"open\n', 'manifest-quote'],
  ];
  for (const [name, content, code] of wrong) {
    const job = await fleet.ended(await fleet.upload(name, content));
    assert.deepEqual([name, job.status, job.reason?.code], [name, 'failed', code]);
  }
});

test('a message that cannot be processed is recorded with its reason and does not block others', limit, async () => {
  await fleet.queue('orders').sendMessage('neither JSON nor base64');
  await fleet.queue('manifest-uploads').sendMessage(JSON.stringify({ eventType: 'Microsoft.Storage.BlobDeleted' }));
  await fleet.queue('chunks').sendMessage(JSON.stringify({ jobId: 'x' }));
  const letters = await until(async () => {
    const { deadLetters } = await fleet.api.get<{ deadLetters: { queue: string; reason: { code: string } }[] }>(
      'dead-letters',
    );
    return deadLetters.length >= 3 && deadLetters;
  });
  assert.deepEqual(letters.map(({ queue, reason }) => `${queue}: ${reason.code}`).sort(), [
    'chunks: message-invalid',
    'manifest-uploads: event-invalid',
    'orders: message-invalid',
  ]);
  const job = await fleet.ended(await fleet.upload('line7/after.csv', manifestOf('after', 3)));
  assert.equal(job.status, 'completed');
});

test('a list of orders is one job per order; a bad one is named and can be sent again', limit, async () => {
  const order = (orderId: string, enrollmentGroup = 'line7') => ({
    ...{ orderId, enrollmentGroup, devices: [{ deviceId: orderId.toLowerCase() }] },
    reference: { plant: 1000 },
  });
  const batch = [order('BATCH-1'), { ...order('BATCH-2'), devices: [] }, order('BATCH-3', 'not-yet')];
  // As a file from Windows.
  await fleet.queue('orders').sendMessage(JSON.stringify(batch, undefined, 2).replaceAll('\n', '\r\n'));
  type Letter = { orderId?: string; reason: { code: string; message: string }; reference?: object };
  const letters = await until(async () => {
    const { deadLetters } = await fleet.api.get<{ deadLetters: Letter[] }>('dead-letters?queue=orders');
    const found = deadLetters.filter(({ orderId, reason }) => orderId === 'BATCH-3' || /BATCH-2/.test(reason.message));
    return found.length === 2 && found;
  });
  const [unknown] = letters.filter(({ orderId }) => orderId === 'BATCH-3');
  assert.deepEqual([unknown?.reason.code, unknown?.reference], ['group-unknown', { plant: 1000 }]);
  await fleet.api.put('enrollment-groups/not-yet', definition);
  await fleet.queue('orders').sendMessage(JSON.stringify(order('BATCH-3', 'not-yet')));
  const ended = await until(async () => {
    const { jobs } = await fleet.api.get<{ jobs: (JobAnswer & { reference?: object })[] }>('jobs?limit=1000');
    const found = jobs.filter(({ name, status }) => /^BATCH-/.test(name) && status === 'completed');
    return found.length === 2 && found;
  });
  assert.deepEqual(ended.map(({ name }) => name).sort(), ['BATCH-1', 'BATCH-3']);
  for (const { reference } of ended) assert.deepEqual(reference, { plant: 1000 });
});
