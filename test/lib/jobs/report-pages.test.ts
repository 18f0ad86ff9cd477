import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorPage, resultPage, summarizeErrors } from '../../../lib/jobs/report-pages.ts';
import { jobErrors, jobResults } from '../../../lib/jobs/reports.ts';
import type { Page, PageRequest } from '../../../lib/storage.ts';
import { createWorld, type World } from '../../world.ts';

/** Rows 2 to 13 in chunks of three: GW-… are refused. */
const ids = ['gw-1', 'GW-2', 'gw-3', 'gw-4', 'gw-5', 'gw-6', 'GW-7', 'GW-8', 'GW-9', 'gw-10', 'gw_?', 'GW-12'];

async function someJob(world: World): Promise<string> {
  await world.declare('line7', { keyCustody: 'plain' });
  const jobId = await world.upload('line7/list.csv', ['deviceId', ...ids, ''].join('\n'));
  await world.settle();
  return jobId;
}

async function pagesOf<T>(read: (page: PageRequest) => Promise<Page<T>>, size: number): Promise<T[][]> {
  const pages: T[][] = [];
  let continuation: string | undefined;
  do {
    const page = await read({ size, continuation });
    assert.ok(page.items.length <= size);
    pages.push([...page.items]);
    continuation = page.continuation;
  } while (continuation !== undefined && pages.length < 100);
  return pages;
}

describe('pages of a job’s errors', () => {
  for (const size of [1, 2, 3, 5, 100]) {
    it(`have each row of the report once, in its order, with ${size} on a page`, async () => {
      using world = createWorld({ chunkRows: 3 });
      const jobId = await someJob(world);
      const whole = await Array.fromAsync(jobErrors(jobId, world));
      assert.equal(whole.length, 6);
      const pages = await pagesOf((page) => errorPage(jobId, page, world), size);
      assert.deepEqual(pages.flat(), whole);
      assert.equal(pages.length, Math.ceil(6 / size));
    });
  }

  it('have only rows with one code, if that is asked for', async () => {
    using world = createWorld({ chunkRows: 3 });
    const jobId = await someJob(world);
    const whole = await Array.fromAsync(jobErrors(jobId, world));
    const [{ code } = assert.fail()] = whole;
    const rows = (await pagesOf((page) => errorPage(jobId, { ...page, code }, world), 2)).flat();
    assert.deepEqual(
      rows,
      whole.filter((error) => error.code === code),
    );
    assert.deepEqual(await errorPage(jobId, { size: 2, code: 'throttled' }, world), { items: [] });
  });

  it('go on after the same line when rows of an earlier page leave the report', async () => {
    using world = createWorld({ chunkRows: 3 });
    const jobId = await someJob(world);
    const first = await errorPage(jobId, { size: 2 }, world);
    const lines = (items: readonly { line: number }[]) => items.map(({ line }) => line);
    assert.deepEqual(lines(first.items), [3, 8]);
    for (const name of [...world.reports.blobs.keys()]) {
      const report = JSON.parse(String(await world.reports.read(name))) as { faults: { line: number }[] };
      report.faults = report.faults.filter(({ line }) => line !== 3 && line !== 8);
      await world.reports.write(name, Buffer.from(JSON.stringify(report)), { contentType: 'application/json' });
    }
    const { items } = await errorPage(jobId, { size: 2, continuation: first.continuation }, world);
    assert.deepEqual(lines(items).slice(-1), [10]);
  });

  it('name rows that are in no report once', async () => {
    using world = createWorld({ chunkRows: 3 });
    const jobId = await someJob(world);
    for (const name of [...world.reports.blobs.keys()])
      await world.reports.write(name, Buffer.from('{'), { contentType: 'x' });
    const whole = await Array.fromAsync(jobErrors(jobId, world));
    assert.deepEqual([...new Set(whole.map(({ code }) => code))], ['report-missing']);
    assert.deepEqual((await pagesOf((page) => errorPage(jobId, page, world), 1)).flat(), whole);
    const { codes } = await summarizeErrors(jobId, world);
    assert.deepEqual(
      codes.map(({ code, rows }) => [code, rows]),
      [['report-missing', 6]],
    );
  });

  for (const continuation of ['', 'x', '1', '1.2.3', '-1.0', '1.x', '9'.repeat(100), '0.0; DROP']) {
    it(`refuse the continuation ${JSON.stringify(continuation.slice(0, 20))}`, async () => {
      using world = createWorld();
      await assert.rejects(errorPage('0'.repeat(24), { size: 1, continuation }, world), { code: 'request-invalid' });
    });
  }
});

describe('pages of a job’s results', () => {
  for (const size of [1, 4, 100]) {
    it(`have each row of the report once, with ${size} on a page`, async () => {
      using world = createWorld({ chunkRows: 3 });
      const jobId = await someJob(world);
      const whole = await Array.fromAsync(jobResults(jobId, world));
      assert.equal(whole.length, 6);
      assert.deepEqual((await pagesOf((page) => resultPage(jobId, page, world), size)).flat(), whole);
    });
  }
});

describe('the errors of a job by code', () => {
  it('are counted, most frequent first, with the first rows of each', async () => {
    using world = createWorld({ chunkRows: 3 });
    const rows = [...Array.from({ length: 8 }, (_, index) => `GW-${index}`), 'gw-1,x', 'gw-2'];
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload('line7/list.csv', ['deviceId', ...rows, ''].join('\n'));
    await world.settle();
    const { codes, complete } = await summarizeErrors(jobId, world);
    assert.equal(complete, true);
    const whole = await Array.fromAsync(jobErrors(jobId, world));
    const expected = [...Map.groupBy(whole, ({ code }) => code)].map(([code, own]) => ({
      ...{ code, rows: own.length, first: own.slice(0, 5) },
    }));
    assert.deepEqual(
      codes,
      expected.sort((a, b) => b.rows - a.rows),
    );
    assert.deepEqual(
      codes.map((each) => [each.code, each.rows, each.first.length]),
      [
        ['device-id-invalid', 8, 5],
        ['row-columns', 1, 1],
      ],
    );
  });
});
