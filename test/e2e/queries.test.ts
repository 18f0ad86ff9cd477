import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type * as z from 'zod';
import { principalHeader } from '../../infra/local/principal.ts';
import { queueNames } from '../../lib/resource-names.ts';
import { operation } from '../operation.ts';
import { until } from '../until.ts';
import { startTestStack, type TestStack } from './test-stack.ts';

/*
 * What screens and scripts ask for, over HTTP: filters, pages, counts, and acts on what a filter matches. Each answer is parsed by
 * the schema of its operation.
 */

const GROUP_ROLES = JSON.stringify({ 'line8-reader': { role: 'reader', enrollmentGroups: ['line8'] } });

let fleet: TestStack;
let jobId: string;
before(async () => {
  fleet = await startTestStack({ settings: { HTTP_ACCESS: 'entra', GROUP_ROLES } });
  const group = { method: 'PUT', body: JSON.stringify({ keyCustody: 'plain' }) };
  for (const id of ['line7', 'line8'])
    assert.equal((await as('operator', `enrollment-groups/${id}`, group)).status, 201);
  jobId = await submitted('deviceId,enrollmentGroup\ngw-1,line7\nGW-2,line7\ngw-3,line7\nGW-4,line7\nunit-5,line8\n');
});
after(() => fleet?.close());

const limit = { timeout: 120_000 };

function as(role: 'reader' | 'operator' | 'line8-reader', path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set('x-ms-client-principal', principalHeader({ name: `${role}@example.com`, roles: [role] }));
  return fetch(`${fleet.stack.urls.functions}/api/${path}`, { ...init, headers });
}

/** The answer to an operator, parsed by the schema of its operation. */
async function got(id: string, path: string, init: RequestInit & { as?: Parameters<typeof as>[0] } = {}) {
  const { as: role = 'operator', ...rest } = init;
  const response = await as(role, path, rest);
  const text = await response.text();
  assert.ok(response.status < 300, `${path}: ${response.status} ${text}`);
  const { schema } = operation(id).answers[response.status] as { schema: z.ZodType };
  // biome-ignore lint/suspicious/noExplicitAny: the schema has checked it
  return schema.parse(JSON.parse(text)) as any;
}

async function refused(path: string, init: RequestInit = {}): Promise<string> {
  const response = await as('operator', path, init);
  const { title, detail } = (await response.json()) as { title: string; detail: string };
  assert.deepEqual([response.status, title], [400, 'request-invalid'], path.slice(0, 200));
  return detail;
}

async function submitted(body: string, query = ''): Promise<string> {
  const headers = { 'content-type': 'text/csv' };
  const { jobId: id } = await got('submit-job', `jobs${query}`, { method: 'POST', body, headers });
  await until(async () => (await got('get-job', `jobs/${id}`)).finishedAt !== undefined);
  return id;
}

const idsOf = (page: { devices: { deviceId: string }[] }) => page.devices.map(({ deviceId }) => deviceId);

test('the errors of a job are CSV, and JSON in pages for those who ask', limit, async () => {
  const path = `jobs/${jobId}/errors`;
  for (const headers of [{}, { accept: 'application/json, text/plain, */*' }]) {
    const csv = await as('reader', path, { headers });
    assert.equal(csv.headers.get('content-type'), 'text/csv; charset=utf-8');
    assert.match(await csv.text(), /^deviceId,enrollmentGroup,line,code,message\n/);
  }
  const whole = await got('get-job-errors', path, { headers: { accept: 'application/json' } });
  assert.deepEqual(
    whole.errors.map(({ line, code, row }: { line: number; code: string; row: string }) => [line, code, row]),
    [
      [3, 'device-id-invalid', 'GW-2,line7'],
      [5, 'device-id-invalid', 'GW-4,line7'],
    ],
  );
  const first = await got('get-job-errors', `${path}?format=json&limit=1`);
  const second = await got('get-job-errors', first.next.replace('/api/', ''));
  assert.deepEqual([...first.errors, ...second.errors], whole.errors);
  assert.equal(second.next, undefined);
  const other = `${path}?format=json&reason=gave-up&continuation=${first.continuation}`;
  assert.match(await refused(other), /is of another list/);
  assert.match(await refused(`jobs/${jobId}/results?format=json&continuation=${first.continuation}`), /another list/);
  assert.match(await refused(`${path}?limit=1`), /format=json/);
  assert.equal((await got('get-job-errors', `${path}?format=json&reason=gave-up`)).errors.length, 0);
});

test('the errors of a job are counted by code', limit, async () => {
  const { codes, complete } = await got('get-job-error-summary', `jobs/${jobId}/errors/summary`);
  assert.equal(complete, true);
  assert.deepEqual([codes.length, codes[0].code, codes[0].rows, codes[0].first.length], [1, 'device-id-invalid', 2, 2]);
  const { errors } = await got('get-job-errors', codes[0].link.replace('/api/', ''));
  assert.deepEqual(errors, codes[0].first);
});

test('the results of a job are JSON in pages for those who ask', limit, async () => {
  const first = await got('get-job-results', `jobs/${jobId}/results?format=json&limit=2`);
  const second = await got('get-job-results', first.next.replace('/api/', ''));
  const ids = [...first.results, ...second.results].map(({ deviceId }: { deviceId: string }) => deviceId);
  assert.deepEqual(ids, ['gw-1', 'gw-3', 'unit-5']);
});

test('devices are found by the begin of their id and by a certificate that they have or had', limit, async () => {
  assert.deepEqual(idsOf(await got('list-devices', 'devices?idPrefix=GW')), ['gw-1', 'gw-3']);
  assert.deepEqual(idsOf(await got('list-devices', 'devices?idPrefix=gw-3&group=line7')), ['gw-3']);
  const names = async () => {
    const { certificate } = await got('get-device', 'devices/gw-1');
    const { serialNumber, sha1Thumbprint, sha256Thumbprint } = certificate as Record<string, string>;
    return [serialNumber ?? '', sha1Thumbprint ?? '', sha256Thumbprint ?? ''];
  };
  const former = await names();
  await submitted('deviceId,enrollmentGroup\ngw-1,line7\n', '?onConflict=reissue');
  for (const name of [...former, ...(await names())]) {
    const colons = name.toUpperCase().replaceAll(/..(?=.)/g, '$&:');
    for (const text of [name.toLowerCase(), colons]) {
      const page = await got('list-devices', `devices?certificate=${encodeURIComponent(text)}`);
      assert.deepEqual(idsOf(page), ['gw-1'], text);
    }
    const limited = await got('list-devices', `devices?certificate=${name}`, { as: 'line8-reader' });
    assert.deepEqual(idsOf(limited), [], 'a caller for line8 does not find a device of line7');
  }
});

test('jobs are listed by status, source and time', limit, async () => {
  const listed = async (query: string): Promise<string[]> =>
    (await got('list-jobs', `jobs?${query}`)).jobs.map((job: { jobId: string }) => job.jobId);
  assert.ok((await listed('status=completedWithErrors&source=http&since=1d')).includes(jobId));
  assert.ok((await listed('status=failed,completedWithErrors')).includes(jobId));
  assert.ok(!(await listed('status=completed,failed')).includes(jobId));
  assert.deepEqual(await listed('source=order'), []);
  assert.deepEqual(await listed('until=1d'), []);
  assert.match(await refused('jobs?status=done'), /completedWithErrors/);
});

test('dead letters are read and discarded by id and by reason, and the record says by whom', limit, async () => {
  for (const name of ['a', 'b', 'c']) await fleet.queue('orders-poison').sendMessage(`{"order":"${name}"}`);
  const list = async (query = '') =>
    (await got('list-dead-letters', `dead-letters${query}`)).deadLetters as { id: string; body: string }[];
  const letters = await until(async () => {
    const found = await list('?reason=gave-up&queue=orders');
    return found.length === 3 && found;
  });
  const [first, second, third] = letters.map(({ id }) => id);
  const byReason = (await until(async () => {
    const { deadLetters } = await got('get-summary', 'summary');
    return deadLetters.total === 3 && deadLetters.byReason;
  })) as unknown;
  assert.deepEqual(byReason, [{ queue: 'orders', code: 'gave-up', letters: 3 }]);

  const post = { method: 'POST' };
  assert.match(await refused('dead-letters/discard', post), /all=true/);
  assert.match(await refused('dead-letters/discard?ids=x', post), /ids of dead letters/);
  assert.equal((await as('reader', 'dead-letters/discard?all=true', post)).status, 403);
  const one = await got('discard-dead-letters', `dead-letters/discard?ids=${first}`, post);
  assert.deepEqual(one, { discarded: 1, left: 0, more: false });
  assert.deepEqual(
    (await list()).map(({ id }) => id),
    [second, third],
  );
  const kept = await got('get-dead-letter', `dead-letters/${first}`);
  assert.match(kept.discarded.by, /^operator@example\.com/);
  assert.equal((await as('operator', `dead-letters/${'0'.repeat(32)}`)).status, 404);
  const redrive = await got('redrive-dead-letters', 'dead-letters/redrive?reason=throttled', post);
  assert.equal(redrive.redriven, 0);
  const rest = await got('discard-dead-letters', 'dead-letters/discard?reason=gave-up', post);
  assert.equal(rest.discarded, 2);
  assert.equal((await list('?state=discarded')).length, 3);
});

test('the summary counts what the lists have, and for a limited role its groups only', limit, async () => {
  const summary = await until(async () => {
    const read = await got('get-summary', 'summary', { as: 'reader' });
    return read.devices.total === 3 && read.jobs.running === 0 && read;
  });
  assert.deepEqual(
    summary.devices.byGroup.map((group: { enrollmentGroup: string; total: number }) => [
      group.enrollmentGroup,
      group.total,
    ]),
    [
      ['line7', 2],
      ['line8', 1],
    ],
  );
  const since = encodeURIComponent(summary.jobs.lastDay.since);
  const { jobs } = await got('list-jobs', `jobs?status=completedWithErrors&since=${since}`);
  assert.equal(summary.jobs.lastDay.byStatus.completedWithErrors, jobs.length);
  assert.equal(summary.groups.enrolled, 2);
  assert.deepEqual(
    summary.queues.byQueue.map(({ queue, messages }: { queue: string; messages: number }) => [queue, messages]),
    queueNames.map((queue) => [queue, 0]),
  );
  const limited = await got('get-summary', 'summary', { as: 'line8-reader' });
  assert.equal(limited.devices.total, 1);
  assert.ok(!JSON.stringify(limited).includes('line7'));
  assert.equal(limited.deadLetters, undefined);
});

test('hostile parameters are refused by name, at once', limit, async () => {
  const long = 'a'.repeat(10_240);
  const hostile = [
    "' OR '1'='1",
    '"; DROP c; --',
    '%',
    'gw-1\u0000',
    '../..',
    '@p0',
    'c.id =',
    'gw%',
    '\u202e',
    '[]',
    '-',
    long,
  ];
  const parameters = [
    ...['devices?idPrefix', 'devices?certificate', 'devices?continuation', 'devices?status'],
    ...['jobs?status', 'jobs?source', 'jobs?since', 'jobs?until', 'jobs?continuation'],
    ...['dead-letters?ids', 'dead-letters?reason', 'dead-letters?state', 'dead-letters?queue'],
    ...[`jobs/${jobId}/errors?format`, `jobs/${jobId}/errors?format=json&reason`],
    `jobs/${jobId}/errors?format=json&continuation`,
  ];
  for (const parameter of parameters) {
    for (const text of hostile) {
      const started = Date.now();
      const detail = await refused(`${parameter}=${encodeURIComponent(text)}`);
      assert.ok(detail.length < 1_000, detail);
      assert.ok(Date.now() - started < 5_000, parameter);
    }
  }
  const ids = Array.from({ length: 101 }, () => 'a'.repeat(32)).join(',');
  await refused(`dead-letters?ids=${ids}`);
  // Joined by the host, as the list that it stands for.
  const jobIds = async (query: string) =>
    (await got('list-jobs', `jobs?${query}`)).jobs.map((job: { jobId: string }) => job.jobId);
  const both = 'status=completedWithErrors&status=completed';
  assert.deepEqual(await jobIds(both), await jobIds('status=completedWithErrors,completed'));
  assert.ok((await jobIds(both)).includes(jobId));
  await refused('devices?status=assigned&status=revoked');
  // Bound, and so without effect: neither condition nor pattern.
  for (const group of ["line7' OR '1'='1", 'line%']) {
    assert.deepEqual(idsOf(await got('list-devices', `devices?group=${encodeURIComponent(group)}`)), []);
  }
});
