import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { createGzipTemplate, type Place } from '../../../lib/bundle/gzip-template.ts';
import fc from '../../fast-check.ts';
import { lacks, run } from './command.ts';

/** Fixed stretches and places in turn. Some stretches are long enough to be deflated. */
const content = fc
  .array(fc.record({ stays: fc.string({ maxLength: 40 }), times: fc.nat({ max: 20 }), place: fc.nat({ max: 80 }) }), {
    maxLength: 12,
  })
  .map((stretches) => {
    const places: Place[] = [];
    let text = '';
    for (const { stays, times, place } of stretches) {
      text += Buffer.from(stays.repeat(times)).toString('latin1');
      places.push({ at: text.length, length: place });
      text += '\0'.repeat(place);
    }
    return { image: Buffer.from(text, 'latin1'), places };
  });

function filledIn(image: Buffer, places: readonly Place[]): Buffer {
  const filled = Buffer.from(image);
  for (const { at, length } of places) randomBytes(length).copy(filled, at);
  return filled;
}

describe('a gzip template', () => {
  it('unpacks to the content that was filled in, wherever the places are', () => {
    fc.assert(
      fc.property(content, ({ image, places }) => {
        const compress = createGzipTemplate(image, places);
        for (const filled of [image, filledIn(image, places), filledIn(image, places)])
          assert.deepEqual(gunzipSync(compress(filled)), filled);
      }),
    );
  });

  it('has places longer than a stored block, and at both ends', () => {
    const places = [
      { at: 0, length: 70_000 },
      { at: 80_000, length: 65_535 },
      { at: 150_000, length: 131_071 },
    ];
    const filled = filledIn(Buffer.alloc(281_071, 'stays'), places);
    assert.deepEqual(gunzipSync(createGzipTemplate(filled, places)(filled)), filled);
  });

  it('deflates the fixed stretches', () => {
    const image = Buffer.alloc(10_000, 'what stays ');
    assert.ok(createGzipTemplate(image, [{ at: 5_000, length: 100 }])(image).length < 300);
  });

  it('keeps nothing of the content that it was made from', () => {
    const places = [{ at: 1_000, length: 64 }];
    const [first, second] = [filledIn(Buffer.alloc(2_000), places), filledIn(Buffer.alloc(2_000), places)];
    const secret = first.subarray(1_000, 1_064);
    const compress = createGzipTemplate(first, places);
    assert.ok(compress(first).includes(secret));
    assert.ok(!compress(second).includes(secret));
  });

  it('opens with gzip', { skip: lacks('gzip') }, () => {
    const directory = mkdtempSync(join(tmpdir(), 'gzip-'));
    try {
      const places = [100, 130, 400, 990].map((at) => ({ at, length: 10 }));
      const filled = filledIn(Buffer.alloc(1_000, 'what stays '), places);
      writeFileSync(join(directory, 'b.gz'), createGzipTemplate(filled, places)(filled));
      const { status, output } = run('gzip', ['--test', '--verbose', 'b.gz'], { cwd: directory });
      assert.equal(status, 0, output);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
