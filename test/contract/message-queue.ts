import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ObservableQueue } from '../../lib/storage.ts';

interface Opened {
  readonly queue: ObservableQueue<unknown>;
  /** Texts of up to 32 messages that can be received now. */
  receive(): Promise<string[]>;
}

/** Tests that every ObservableQueue passes. Each test opens a queue of its own. */
export function messageQueueContract(name: string, open: () => Promise<Opened>): void {
  describe(`message queue: ${name}`, () => {
    it('sends each message once, as JSON without further encoding', async () => {
      const { queue, receive } = await open();
      const messages = Array.from({ length: 20 }, (_, chunk) => ({ chunk, text: 'Zürich <&> "\u{1F6E0}"' }));
      await queue.send(messages);
      const received = (await receive()).map((text) => JSON.parse(text) as { chunk: number });
      assert.deepEqual(
        received.sort((a, b) => a.chunk - b.chunk),
        messages,
      );
      assert.deepEqual(await receive(), []);
    });

    it('sends nothing when there are no messages', async () => {
      const { queue, receive } = await open();
      await queue.send([]);
      assert.deepEqual(await receive(), []);
    });

    it('carries 63 KiB, just below the limit of 64 KiB', async () => {
      const { queue, receive } = await open();
      const message = { text: 'x'.repeat(63 * 1024) };
      await queue.send([message]);
      assert.deepEqual(await receive(), [JSON.stringify(message)]);
    });

    it('hides a message for its delay, and counts it meanwhile', async () => {
      const { queue, receive } = await open();
      await queue.send([{ when: 'later' }], { delaySeconds: 600 });
      await queue.send([{ when: 'now' }]);
      assert.equal(await queue.waiting(), 2);
      assert.deepEqual(await receive(), ['{"when":"now"}']);
    });

    it('tells when the first message was sent that can be received', async () => {
      const { queue, receive } = await open();
      assert.equal(await queue.oldest(), undefined);
      await queue.send([{ when: 'later' }], { delaySeconds: 600 });
      assert.equal(await queue.oldest(), undefined);
      // Storage has times of whole seconds.
      const before = Math.floor(Date.now() / 1000) * 1000;
      await queue.send([{ when: 'now' }]);
      const sent = (await queue.oldest())?.getTime() ?? 0;
      assert.ok(sent >= before && sent <= Date.now(), `${sent}`);
      await receive();
      assert.equal(await queue.oldest(), undefined, 'it is in work');
    });
  });
}
