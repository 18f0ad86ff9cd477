import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import type { AppendBlobs } from '../../lib/audit/intake.ts';
import type { BlobStore } from '../../lib/storage.ts';
import { assertEvery } from '../assert-every.ts';

/** The contract of every AppendBlobs. @param open gives it, and the blobs of the same container */
export function appendBlobsContract(name: string, open: () => { segments: AppendBlobs; store: BlobStore }): void {
  describe(`append blobs: ${name}`, () => {
    it('has every block as a whole, of many writers at the same time', async () => {
      const { segments, store } = open();
      const blob = `intake/${randomUUID()}`;
      const blocks = Array.from({ length: 20 }, (_, index) => `${String(index).padStart(3, '0')} ${'x'.repeat(500)}\n`);
      const taken = await Promise.all(blocks.map((block) => segments.append(blob, Buffer.from(block))));
      assertEvery(taken, Boolean);
      const lines = (await store.read(blob))?.toString().split(/(?<=\n)/);
      assert.deepEqual(lines?.sort(), blocks);
    });

    it('grows at its end', async () => {
      const { segments, store } = open();
      const blob = randomUUID();
      for (const block of ['a', 'b', 'c']) await segments.append(blob, Buffer.from(block));
      assert.equal((await store.read(blob))?.toString(), 'abc');
    });
  });
}
