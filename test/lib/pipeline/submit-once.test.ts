import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Job } from '../../../lib/jobs/job.ts';
import { submitOnce } from '../../../lib/pipeline/submit-once.ts';
import { createWorld, type World } from '../../world.ts';

const list = 'deviceId,tags.slot:number\ngw-001,1\ngw-002,2\n';

interface Sent {
  readonly key?: string;
  readonly text?: string;
  readonly by?: string;
  readonly defaultGroup?: string;
  readonly onConflict?: 'reject' | 'replace';
  readonly adopt?: boolean;
}

let ids = 0;

function submit(world: World, { key = 'k1', text = list, by = 'mona', ...parameters }: Sent = {}): Promise<Job> {
  const body = (async function* () {
    // Two pieces: a client sends what it likes.
    yield Buffer.from(text.slice(0, 5));
    yield Buffer.from(text.slice(5));
  })();
  const submission = { body, format: 'csv', defaultGroup: 'line7', onConflict: 'reject', ...parameters } as const;
  return submitOnce(key, submission, { ...world.services(), newId: () => `id-${++ids}` }, by);
}

async function someWorld(): Promise<World> {
  const world = createWorld();
  await world.declare('line7', { keyCustody: 'plain' });
  await world.declare('line8', { keyCustody: 'plain' });
  return world;
}

describe('a manifest with an Idempotency-Key', () => {
  it('is one job, however often it is sent', async () => {
    using world = await someWorld();
    const first = await submit(world);
    assert.deepEqual((await submit(world)).jobId, first.jobId);
    assert.deepEqual(world.manifests.blobs.size, 1);
    assert.deepEqual(first.submittedBy?.by, 'mona');
  });

  it('is one job, whether a flag that is false was sent or not', async () => {
    using world = await someWorld();
    const first = await submit(world);
    assert.equal((await submit(world, { adopt: false })).jobId, first.jobId);
    await assert.rejects(submit(world, { adopt: true }), { code: 'idempotency-key-reused' });
  });

  it('is answered with the job as it is now', async () => {
    using world = await someWorld();
    const { jobId, manifest } = await submit(world);
    world.announce({ blobName: manifest.blob, etag: manifest.etag }, 1);
    await world.settle();
    const again = await submit(world);
    assert.deepEqual([again.status, again.counts.provisioned], ['completed', 2]);
    assert.deepEqual(again, await world.job(jobId));
  });

  it('is another job with another key, or from another caller', async () => {
    using world = await someWorld();
    const jobs = [await submit(world), await submit(world, { key: 'k2' }), await submit(world, { by: 'otto' })];
    assert.equal(new Set(jobs.map(({ jobId }) => jobId)).size, 3);
  });

  const others: readonly [string, Sent, RegExp][] = [
    ['another list', { text: `${list}gw-003,3\n` }, /with another list/],
    ['an empty list', { text: '' }, /with another list/],
    ['another group', { defaultGroup: 'line8' }, /with other parameters/],
    ['another policy', { onConflict: 'replace' }, /with other parameters/],
  ];
  for (const [what, sent, message] of others) {
    it(`is refused with ${what}, and makes no second job`, async () => {
      using world = await someWorld();
      const { jobId } = await submit(world);
      await assert.rejects(submit(world, sent), { code: 'idempotency-key-reused', status: 422, message });
      assert.deepEqual([...world.manifests.blobs.values()].map(String), [list]);
      assert.equal((await submit(world)).jobId, jobId);
    });
  }

  it('is not used up by a request that was refused', async () => {
    using world = await someWorld();
    const limited = { ...world.services(), newId: () => 'unused', allowedGroups: ['line8'] };
    const body = async function* () {
      yield Buffer.from(list);
    };
    const first = { body: body(), format: 'csv', defaultGroup: 'line7', onConflict: 'reject' } as const;
    await assert.rejects(submitOnce('k1', first, limited, 'mona'), { code: 'forbidden' });
    const second = { ...first, body: body(), defaultGroup: 'line8' };
    assert.equal((await submitOnce('k1', second, limited, 'mona')).defaultGroup, 'line8');
  });

  it('is one job when two requests come at once', async () => {
    using world = await someWorld();
    const jobs = await Promise.all([submit(world), submit(world), submit(world)]);
    assert.equal(new Set(jobs.map(({ jobId }) => jobId)).size, 1);
  });

  it('is one job wherever an earlier request was cut', async () => {
    for (let call = 1; ; call++) {
      using world = await someWorld();
      world.interruptAfter(call);
      const cut = await submit(world).then(
        () => false,
        () => true,
      );
      world.interruptAfter(Number.POSITIVE_INFINITY);
      const { jobId } = await submit(world);
      assert.equal(world.manifests.blobs.size, 1, `cut after call ${call}`);
      assert.equal((await world.job(jobId)).submittedBy?.by, 'mona');
      assert.equal((await submit(world)).jobId, jobId);
      if (!cut) {
        assert.ok(call > 3, 'some calls were cut');
        return;
      }
    }
  });
});
