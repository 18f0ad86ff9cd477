import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { waiting } from '../../../lib/jobs/job.ts';
import { noticeJobs } from '../../../lib/pipeline/notice-jobs.ts';
import { recordDeadLetter } from '../../../lib/pipeline/record-dead-letter.ts';
import { sweep } from '../../../lib/pipeline/sweep.ts';
import { createMemoryFleetReader } from '../../memory/fleet-reader.ts';
import { createWorld, Interruption, noTwins, sweptDps, type World } from '../../world.ts';

/*
 * A worker dies after each call that it makes while it records a dead letter. The next delivery ends the job, and so do the
 * timers, where none comes.
 */

const list = 'deviceId,tags.slot:number\ngw-1,1\ngw-2,two\ngw-3,3\n';

interface DeadJob {
  readonly jobId: string;
  /** Records its dead letter once more. */
  readonly record: () => Promise<unknown>;
}

/** Messages that failed at each delivery, by their queue: a job that waits for nothing but one of them. */
const deadJobs = {
  chunks: (world: World) => deadJob(world, 'group', 1),
  enrollments: (world: World) => deadJob(world, 'individual', 2),
};

async function deadJob(world: World, enrollment: 'group' | 'individual', deliveries: number): Promise<DeadJob> {
  await world.declare('line7', { keyCustody: 'plain', enrollment });
  const jobId = await world.upload('line7/list.csv', list);
  for (let delivery = 0; delivery < deliveries; delivery++) await world.queue.shift()?.run();
  const [dead, ...others] = world.queue.splice(0);
  assert.ok(dead !== undefined && others.length === 0);
  const queue = enrollment === 'group' ? 'chunks' : 'individual-enrollments';
  const deadLetters = world.cuttable(world.deadLetters);
  const record = () => recordDeadLetter(queue, JSON.stringify(dead.message), { ...world.services(), deadLetters });
  return { jobId, record };
}

async function endOf(world: World, jobId: string) {
  const { status, counts, finishedAt, reasons } = await world.job(jobId);
  return { status, counts, isFinished: finishedAt !== undefined, reasons };
}

const timers = {
  'the timer that notices jobs': (world: World) => noticeJobs(world.services()),
  'the sweep': (world: World) => {
    const given = world.services();
    const observe = async () => ({ opened: 0, gone: 0, repaired: 0 });
    const fleet = createMemoryFleetReader(world.enrollments, 100);
    return sweep({ ...given, ...sweptDps(given), twins: noTwins, fleet, observe }, { begin: true });
  },
};

for (const [queue, prepare] of Object.entries(deadJobs)) {
  describe(`a dead letter of the queue ${queue}, whose recording is cut`, () => {
    /** The end of a job whose dead letter is recorded at once, and the number of calls that this makes. */
    async function calmEnd() {
      using world = createWorld();
      const { jobId, record } = await prepare(world);
      world.interruptAfter(0);
      await record();
      const end = await endOf(world, jobId);
      assert.deepEqual([end.status, end.isFinished, end.counts.failed], ['completedWithErrors', true, 2]);
      return { end, calls: world.calls() };
    }

    it('ends its job at the next delivery, whichever call was the last one', async () => {
      const { end, calls } = await calmEnd();
      assert.ok(calls > 5, `only ${calls} calls`);
      for (let call = 1; call <= calls; call++) {
        using world = createWorld();
        const { jobId, record } = await prepare(world);
        world.interruptAfter(call);
        await assert.rejects(record(), Interruption, `call ${call} of ${calls}`);
        await record();
        assert.deepEqual(await endOf(world, jobId), end, `cut after call ${call} of ${calls}`);
        assert.equal((await world.deadLetters.list({ size: 10 })).items.length, 1);
      }
    });

    for (const [name, run] of Object.entries(timers)) {
      it(`is ended by ${name}, once its rows are counted`, async () => {
        const { end, calls } = await calmEnd();
        let counted = 0;
        for (let call = 1; call <= calls; call++) {
          using world = createWorld();
          const { jobId, record } = await prepare(world);
          world.interruptAfter(call);
          await assert.rejects(record(), Interruption, `call ${call} of ${calls}`);
          const cut = await world.job(jobId);
          if (waiting(cut.counts) > 0 || cut.finishedAt !== undefined) continue;
          counted += 1;
          await run(world);
          assert.deepEqual(await endOf(world, jobId), end, `cut after call ${call} of ${calls}`);
        }
        assert.ok(counted > 0);
      });
    }
  });
}
