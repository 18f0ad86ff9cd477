import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { announceLostUploads } from '../../../lib/pipeline/announce-lost-uploads.ts';
import { receiveUploads } from '../../../lib/pipeline/receive-messages.ts';
import { jobOfUpload } from '../../../lib/pipeline/upload-job.ts';
import { queues } from '../../../lib/resource-names.ts';
import { someLetter } from '../../contract/dead-letter-store.ts';
import { someTime } from '../../factories.ts';
import { createWorld, type World } from '../../world.ts';

const hour = 60 * 60 * 1000;

/** An upload whose event never came. */
async function lose(world: World, name: string, text = 'deviceId\ngw-1\n'): Promise<string> {
  const jobId = await world.upload(name, text);
  world.queue.splice(0);
  return jobId;
}

/** Looks for lost uploads some hours after they came. */
async function look(world: World, hours: number): Promise<{ announced: number; sent: unknown[] }> {
  const sent: unknown[] = [];
  const queue = (name: string) => ({
    async send(messages: Iterable<unknown>) {
      assert.equal(name, queues.uploads);
      sent.push(...messages);
    },
  });
  const now = () => new Date(someTime.getTime() + hours * hour);
  const { manifests, deadLetters } = world;
  const announced = await announceLostUploads({ ...world.services(), manifests, deadLetters, queue, now });
  return { announced, sent };
}

describe('an upload whose event was lost', () => {
  it('becomes the job that it would have become', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await lose(world, 'line7/list ä #1.csv');
    const { announced, sent } = await look(world, 12);
    assert.equal(announced, 1);
    const queue = () => assert.fail('one event needs no further message');
    for (const message of sent) await receiveUploads(message, { ...world.services(), queue });
    await world.settle();
    const { status, counts } = await world.job(jobId);
    assert.deepEqual([status, counts.provisioned], ['completed', 1]);
    assert.deepEqual(await look(world, 12), { announced: 0, sent: [] });
  });

  it('is announced although its blob was written again: the new version is the one without a job', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    await world.upload('line7/list.csv', 'deviceId\ngw-1\n');
    await world.settle();
    await lose(world, 'line7/list.csv', 'deviceId\ngw-2\n');
    assert.equal((await look(world, 12)).announced, 1);
  });

  it('is left alone in its first hour, in which the event may come, and after seven days', async () => {
    using world = createWorld();
    await lose(world, 'line7/list.csv');
    const found = await Promise.all([0.9, 1.1, 7 * 24 - 0.1, 7 * 24 + 0.1].map((hours) => look(world, hours)));
    assert.deepEqual(
      found.map(({ announced }) => announced),
      [0, 1, 1, 0],
    );
  });

  it('is not lost while its event is a dead letter that waits, nor after an operator discarded that', async () => {
    using world = createWorld();
    const jobId = await lose(world, 'line7/list.csv');
    await lose(world, 'line7/other.csv');
    const [own] = (await look(world, 12)).sent;
    const { id, queue } = someLetter('a', queues.uploads);
    await world.deadLetters.put({ ...someLetter('a', queues.uploads), body: JSON.stringify(own) });
    await world.deadLetters.put({ ...someLetter('b', queues.uploads), body: 'no event' });
    const others = async () => (await look(world, 12)).sent.map((each) => jobOfUpload(JSON.stringify(each)));
    assert.equal(jobOfUpload(JSON.stringify(own)), jobId);
    const waiting = await others();
    assert.deepEqual([waiting.length, waiting.includes(jobId)], [1, false]);
    await world.deadLetters.noteDiscarded({ id, queue, times: 1 }, { by: 'Ann', at: someTime.toISOString() });
    assert.deepEqual(await others(), waiting);
  });

  it('is not announced every night where it becomes no job: an empty blob, and a name that no manifest may have', async () => {
    using world = createWorld();
    await lose(world, 'line7/empty.csv', '');
    await lose(world, 'line7//list.csv');
    assert.deepEqual(await look(world, 12), { announced: 0, sent: [] });
  });
});
