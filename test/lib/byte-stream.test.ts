import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { begin } from '../../lib/byte-stream.ts';

describe('the beginning of a stream', () => {
  /** Pieces of one byte; `state.ended` is set when the stream is ended, by its end or by its reader. */
  function stream(text: string) {
    const state = { read: 0, ended: false };
    const body = async function* () {
      try {
        for (const byte of Buffer.from(text)) {
          state.read += 1;
          yield Buffer.from([byte]);
        }
      } finally {
        state.ended = true;
      }
    };
    return { state, body: body() };
  }
  const textOf = async (body: AsyncIterable<Uint8Array>) => Buffer.concat(await Array.fromAsync(body)).toString();

  it('of a short one is all of it, which can be read again', async () => {
    const { head, isWhole, body } = await begin(stream('abc').body, 3);
    assert.deepEqual([head.toString(), isWhole], ['abc', true]);
    assert.deepEqual([await textOf(body), await textOf(body)], ['abc', 'abc']);
  });

  it('of a longer one is read as far as it is asked for, and the whole follows', async () => {
    const { state, body: source } = stream('abcdef');
    const { head, isWhole, body } = await begin(source, 3);
    assert.deepEqual([head.toString(), isWhole, state.read], ['abcd', false, 4]);
    assert.equal(await textOf(body), 'abcdef');
  });

  it('of an empty one is empty', async () => {
    const { head, isWhole, body } = await begin(stream('').body, 3);
    assert.deepEqual([head.length, isWhole, await textOf(body)], [0, true, '']);
  });

  it('is followed by a stream that ends its source when it is left early', async () => {
    const { state, body: source } = stream('abcdef');
    const { body } = await begin(source, 1);
    for await (const _ of body) break;
    assert.equal(state.ended, true);
  });
});
