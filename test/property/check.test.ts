import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import type { ConflictPolicy } from '../../lib/jobs/job.ts';
import { jobErrors } from '../../lib/jobs/reports.ts';
import { checkManifest } from '../../lib/pipeline/check-manifest.ts';
import { someDevice } from '../factories.ts';
import fc from '../fast-check.ts';
import { makeRequestDer } from '../lib/pki/make-request.ts';
import { createWorld, type World } from '../world.ts';

/*
 * A check and the job that follows it agree: on the number of rows per outcome, and on the code and line of each fault. The
 * list, the records before it and the policy are arbitrary.
 */

const groups = ['line7', 'single', 'folding', 'on-device', 'outside', 'nowhere', ''] as const;

const row = fc.record({
  id: fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 1, max: 9 }).map((n) => `gw-${n}`) },
    { weight: 3, arbitrary: fc.integer({ min: 1, max: 4 }).map((n) => `GW-${n}`) },
    { weight: 1, arbitrary: fc.constantFrom('', 'a b', 'null', '-x') },
  ),
  group: fc.oneof({ weight: 3, arbitrary: fc.constant('line7') }, { weight: 2, arbitrary: fc.constantFrom(...groups) }),
  tag: fc.constantFrom('', '1', '2', 'x'),
  csr: fc.constantFrom('', '', '', 'MIIBADCB', 'own', 'shared'),
});
type Row = typeof row extends fc.Arbitrary<infer T> ? T : never;

const list = fc.array(row, { minLength: 1, maxLength: 14 });
const policy = fc.constantFrom<ConflictPolicy>('reject', 'replace', 'reissue');

/** Requests without a common name, so that any device may send them. The first one is sent by several rows. */
const requests = Array.from({ length: 15 }, () => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return makeRequestDer(pair).toString('base64');
});

/** @param shares whether rows may have one key: a job finds that within a chunk, and beyond it where one worker has both */
function csvOf(rows: readonly Row[], shares: boolean): string {
  const lines = rows.map(({ id, group, tag, csr }, index) => {
    const request = csr === 'own' || (csr === 'shared' && !shares) ? requests[index + 1] : requests[0];
    return `${id},${group},${tag},${csr === 'own' || csr === 'shared' ? request : csr}`;
  });
  return ['deviceId,enrollmentGroup,tags.slot:number,csr', ...lines, ''].join('\n');
}

async function someWorld(chunkRows: number): Promise<World> {
  const world = createWorld({ chunkRows });
  await world.declare('line7', { keyCustody: 'plain' });
  await world.declare('single', { keyCustody: 'plain', enrollment: 'individual' });
  await world.declare('folding', { keyCustody: 'plain', deviceIdCase: 'fold' });
  await world.declare('on-device', { keyCustody: 'device' });
  await world.declare('outside', { keyCustody: 'plain', issuingCa: { origin: 'outside' } });
  return world;
}

async function endOf(world: World, jobId: string) {
  const { counts, status, check, repairs } = await world.job(jobId);
  const faults = await Array.fromAsync(jobErrors(jobId, world.services()));
  return { counts, status, check, repairs, faults: faults.map(({ line, code, message }) => ({ line, code, message })) };
}

describe('a check', () => {
  it('finds what the job finds, and writes nothing but its own job and reports', () =>
    fc.assert(
      fc.asyncProperty(
        list,
        list,
        policy,
        fc.constantFrom(1, 2, 5, 20),
        async (before, rows, onConflict, chunkRows) => {
          using world = await someWorld(chunkRows);
          await world.upload('before.csv', csvOf(before, false));
          await world.settle();
          // Another job is at work on one device.
          await world.devices.create([someDevice({ id: 'gw-9' }), someDevice({ id: 'gw-8', status: 'failed' })]);
          const text = csvOf(rows, chunkRows >= 20);
          const untouched = () => [
            [...world.devices.records],
            [...world.bundles.blobs.keys()],
            world.enrollments.calls.ensureGroup,
            [...world.enrollments.individuals.keys()],
          ];
          const state = untouched();

          const submission = { body: bodyOf(text), format: 'csv', onConflict } as const;
          const small = await checkManifest(submission, world.services());
          assert.ok('checked' in small);
          const { checked } = small;
          const dryId = await world.upload('dry.csv', text, { onconflict: onConflict, dryrun: 'true' });
          await world.settle();
          const dry = await endOf(world, dryId);
          assert.equal(dry.status, 'checked');
          assert.deepEqual(untouched(), state);

          const realId = await world.upload('real.csv', text, { onconflict: onConflict });
          await world.settle();
          const real = await endOf(world, realId);

          const { outcomes } = checked;
          assert.equal(dry.check?.digest, checked.digest);
          assert.deepEqual(dry.check?.outcomes, outcomes);
          assert.deepEqual(dry.check?.faults, checked.faults);
          assert.deepEqual(dry.faults, real.faults);
          assert.equal(outcomes.new + outcomes.replaced + outcomes.reissued, real.counts.provisioned);
          assert.equal(outcomes.unchanged, real.counts.unchanged);
          assert.equal(outcomes.refused, real.counts.rejected + real.counts.failed);
          assert.deepEqual(
            [dry.counts.checked, dry.counts.unchanged, dry.counts.rejected, dry.counts.failed],
            [real.counts.provisioned, real.counts.unchanged, real.counts.rejected, real.counts.failed],
          );
          assert.deepEqual([dry.repairs, checked.repairs], [real.repairs, real.repairs]);
          assert.equal(checked.estimate.devices, real.counts.provisioned);
          const codes = Map.groupBy(real.faults, ({ code }) => code);
          assert.deepEqual(
            new Map(checked.faults.map(({ code, rows: count }) => [code, count])),
            new Map(checked.faults.map(({ code }) => [code, codes.get(code)?.length])),
          );
        },
      ),
      { numRuns: 30 },
    ));
});

async function* bodyOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
