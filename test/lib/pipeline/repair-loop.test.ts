import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { jobErrors, jobResults } from '../../../lib/jobs/reports.ts';
import { errorsCsv, resultsCsv } from '../../../lib/manifest/report.ts';
import { createWorld, type World } from '../../world.ts';
import { text } from '../manifest/read-manifest.ts';

const file = (name: string) => readFileSync(new URL(`../../vectors/manifests/${name}`, import.meta.url), 'utf8');

async function newWorld(): Promise<World> {
  const world = createWorld();
  for (const id of ['line7', 'line8-press']) await world.declare(id, { keyCustody: 'plain' });
  return world;
}

/** Sends a manifest and lets its job run. */
async function sent(world: World, manifest: string, metadata: Record<string, string> = {}, name = 'line7/list.csv') {
  const jobId = await world.upload(name, manifest, metadata);
  await world.settle();
  const { counts, shape } = await world.job(jobId);
  const services = world.services();
  return {
    counts,
    faults: await Array.fromAsync(jobErrors(jobId, services)),
    errors: await text(errorsCsv(jobErrors(jobId, services), shape)),
    results: await text(resultsCsv(jobResults(jobId, services), shape)),
  };
}

describe('a list that is sent again', () => {
  const unchanged: [what: string, again: string][] = [
    ['as it is', 'saved-first.csv'],
    ['as Excel saved it: other delimiter, line ends, byte order mark and order of columns', 'resaved-by-excel.csv'],
    ['from a Mac, with accents as characters of their own', 'resaved-on-mac-nfd.csv'],
    ['with a blank behind a value', 'trailing-space-again.csv'],
  ];
  for (const [what, again] of unchanged) {
    it(`changes nothing: ${what}`, async () => {
      using world = await newWorld();
      await sent(world, file('saved-first.csv'));
      const { counts } = await sent(world, file(again), {}, 'line7/again.csv');
      assert.deepEqual([counts.unchanged, counts.rejected], [counts.total, 0]);
    });
  }

  it('says which columns differ, in the report and in the error', async () => {
    using world = await newWorld();
    await sent(world, file('saved-first.csv'));
    const other = 'deviceId;tags.site;tags.slot:number;enrollmentGroup\nk01-a;München;2;line8-press\nk01-b;porto;2;\n';
    const { counts, faults, errors } = await sent(world, other, {}, 'line7/other.csv');
    assert.deepEqual([counts.unchanged, counts.rejected], [1, 1]);
    assert.deepEqual(faults[0]?.differences, [
      { column: 'enrollmentGroup', was: '"line7"', is: '"line8-press"' },
      { column: 'tags.slot', was: '1', is: '2' },
    ]);
    assert.match(errors, /differs in enrollmentGroup: ""line7"" → ""line8-press""; tags\.slot: 1 → 2\./);
  });
});

describe('an error report that was fixed', () => {
  it('makes device 00071, with its results in the same delimiter', async () => {
    using world = await newWorld();
    const { errors } = await sent(world, file('report-leading-zeros.csv'));
    assert.match(errors, /\n'00071,'00123,x,2,value-type,/);
    // As Excel saves it.
    const saved = errors
      .replace(',x,', ',5,')
      .replace(/,(?=[^"]*(?:"[^"]*"[^"]*)*$)/g, ';')
      .replaceAll('\n', '\r\n');
    const { counts, results } = await sent(world, saved, {}, 'line7/fixed.csv');
    assert.equal(counts.provisioned, 1);
    const device = (await world.devices.read(['00071'])).get('00071')?.value;
    assert.deepEqual(device?.twin, { tags: { part: '00123', slot: 5 }, desired: {} });
    assert.match(results, /^\ufeffline;deviceId;status;.*\n2;'00071;provisioned;line7;/);
  });
});

describe('an unknown group of a row', () => {
  const rows = 'deviceId,enrollmentGroup\ngw-1,Line 7\ngw-2,line8pres\n';

  it('is answered with the group that was meant', async () => {
    using world = await newWorld();
    const { faults } = await sent(world, rows, {}, '_list.csv');
    assert.deepEqual(
      faults.map(({ code, message }) => [code, /Did you mean "(.*)"\?/.exec(message)?.[1]]),
      [
        ['group-unknown', 'line7'],
        ['group-unknown', 'line8-press'],
      ],
    );
  });

  it('is answered with no group that the sender may not use', async () => {
    using world = await newWorld();
    const { faults } = await sent(world, rows, { allowedgroups: 'line7' }, '_list.csv');
    assert.match(faults[0]?.message ?? '', /Did you mean "line7"\?/);
    assert.doesNotMatch(faults[1]?.message ?? '', /press/);
  });
});
