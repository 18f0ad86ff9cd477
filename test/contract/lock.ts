import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Lock } from '../../lib/lock.ts';

/** Work that runs until the test ends it. */
function openWork() {
  const started = Promise.withResolvers<void>();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const work = () => {
    started.resolve();
    return ended;
  };
  return { work, end, started: started.promise };
}

/** Tests that every Lock passes. `open` gives the lock of that name as another process would have it. */
export function lockContract(implementation: string, open: (name: string) => Lock): void {
  const run = Date.now().toString(36);
  const lockOf = (name: string) => open(`${name}-${run}`);

  describe(`lock: ${implementation}`, () => {
    it('is held by one process at a time, and by the next once that one is done', async () => {
      const [first, second] = [lockOf('one'), lockOf('one')];
      const { work, end, started } = openWork();
      const running = first.tryRun(work);
      await started;
      assert.equal(await second.tryRun(() => assert.fail('two at once')), false);
      end();
      assert.equal(await running, true);
      assert.equal(await second.tryRun(async () => {}), true);
    });

    it('does not keep locks of other names from being held', async () => {
      const { work, end, started } = openWork();
      const running = lockOf('this').tryRun(work);
      await started;
      assert.equal(await lockOf('other').tryRun(async () => {}), true);
      end();
      await running;
    });

    it('makes calls within one process wait for each other', async () => {
      const lock = lockOf('queue');
      const order: string[] = [];
      const { work, end, started } = openWork();
      const first = lock.tryRun(async () => {
        await work();
        order.push('first');
      });
      const next = lock.tryRun(async () => void order.push('next'));
      await started;
      end();
      assert.deepEqual(await Promise.all([first, next]), [true, true]);
      assert.deepEqual(order, ['first', 'next']);
    });

    it('is released when the work fails, and passes the error on', async () => {
      await assert.rejects(
        lockOf('failing').tryRun(() => Promise.reject(new Error('no'))),
        /^Error: no$/,
      );
      assert.equal(await lockOf('failing').tryRun(async () => {}), true);
    });

    it('is held by one when several processes take it for the first time at once, and none fails', async () => {
      let running = 0;
      let most = 0;
      const work = async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
      };
      const ran = await Promise.all(Array.from({ length: 6 }, () => lockOf('race').tryRun(work)));
      assert.ok(ran.includes(true));
      assert.equal(most, 1);
    });
  });
}
