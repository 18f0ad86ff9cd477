import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hashV2PartitionKey } from '../../../lib/azure/partition-key-hash.ts';
import fc from '../../fast-check.ts';

/** The module of the SDK that the bundle does not have. */
const sdk: { hashV2PartitionKey: (key: unknown[]) => string } = await import(
  new URL('./utils/hashing/v2.js', import.meta.resolve('@azure/cosmos')).href
);

describe('the hash of a partition key', () => {
  it('is that of the SDK, for any text', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 80 }), fc.string({ minLength: 100, maxLength: 2100 }));
    fc.assert(
      fc.property(text, (key) => {
        assert.equal(hashV2PartitionKey([key]), sdk.hashV2PartitionKey([key]));
      }),
    );
  });

  it('is that of the SDK, for each length around a block', () => {
    for (let length = 0; length <= 50; length++) {
      const key = 'x'.repeat(length);
      assert.equal(hashV2PartitionKey([key]), sdk.hashV2PartitionKey([key]));
    }
  });

  it('refuses keys that no container has', () => {
    for (const key of [[7], [true], [null], [undefined], [], ['a', 'b']])
      assert.throws(() => hashV2PartitionKey(key), TypeError);
  });
});
