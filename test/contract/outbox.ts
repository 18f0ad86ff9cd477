import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MessageQueue } from '../../lib/storage.ts';

interface Opened {
  readonly outbox: MessageQueue<unknown>;
  /** Texts of up to 32 messages that can be received now. */
  receive(): Promise<string[]>;
}

/** What every Outbox does. Each test opens a queue of its own. */
export function outboxContract(name: string, open: () => Promise<Opened>): void {
  describe(`an outbox on ${name}`, () => {
    it('sends each message once, as JSON that is not encoded further', async () => {
      const { outbox, receive } = await open();
      const messages = Array.from({ length: 20 }, (_, chunk) => ({ chunk, text: 'Zürich <&> "\u{1F6E0}"' }));
      await outbox.send(messages);
      const received = (await receive()).map((text) => JSON.parse(text) as { chunk: number });
      assert.deepEqual(
        received.sort((a, b) => a.chunk - b.chunk),
        messages,
      );
      assert.deepEqual(await receive(), []);
    });

    it('sends nothing where there is nothing', async () => {
      const { outbox, receive } = await open();
      await outbox.send([]);
      assert.deepEqual(await receive(), []);
    });

    it('carries 63 KiB, which is less than the 64 that a queue takes', async () => {
      const { outbox, receive } = await open();
      const message = { text: 'x'.repeat(63 * 1024) };
      await outbox.send([message]);
      assert.deepEqual(await receive(), [JSON.stringify(message)]);
    });

    it('hides a message for as long as was asked', async () => {
      const { outbox, receive } = await open();
      await outbox.send([{ when: 'later' }], { delaySeconds: 600 });
      await outbox.send([{ when: 'now' }]);
      assert.deepEqual(await receive(), ['{"when":"now"}']);
    });
  });
}
