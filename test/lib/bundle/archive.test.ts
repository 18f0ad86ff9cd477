import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packArchive, readArchiveIndex } from '../../../lib/bundle/archive.ts';
import { FleetError } from '../../../lib/errors.ts';
import fc from '../../fast-check.ts';
import { lacks, run } from './command.ts';

const entries = [
  { name: 'gw-1.tar.gz', body: Buffer.from('first'), info: { deviceId: 'gw-1', line: 2 } },
  { name: 'gw-2.tar.gz', body: Buffer.alloc(0), info: { deviceId: 'gw-2', line: 3 } },
  { name: 'gw_3.tar.gz.cms', body: Buffer.alloc(70_000, 7), info: { deviceId: 'gw_3', line: 4 } },
];

describe('an archive', () => {
  it('has each bundle where its index says', () => {
    const { body, index } = packArchive(entries);
    for (const [at, { offset, length, name, info }] of index.entries()) {
      assert.equal(name, entries[at]?.name);
      assert.deepEqual(info, entries[at]?.info);
      assert.deepEqual(body.subarray(offset, offset + length), entries[at]?.body);
    }
  });

  it('gives back its index', () => {
    const { body, index } = packArchive(entries);
    assert.deepEqual(readArchiveIndex(body), index);
    assert.deepEqual(readArchiveIndex(packArchive([]).body), []);
  });

  it('is the same for the same entries', () => {
    assert.deepEqual(
      packArchive(entries).body,
      packArchive(structuredClone(entries).map((entry) => ({ ...entry, body: Buffer.from(entry.body) }))).body,
    );
  });

  it('refuses two entries with the same name, and an entry with the name of the index', () => {
    const [first] = entries;
    assert.ok(first);
    assert.throws(() => packArchive([first, first]), /gw-1\.tar\.gz/);
    assert.throws(() => packArchive([{ ...first, name: 'index.json' }]), /index\.json/);
  });

  it('opens with unzip, keys readable by their owner only', { skip: lacks('unzip') }, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'archive-'));
    try {
      await writeFile(join(directory, 'chunk.zip'), packArchive(entries).body);
      assert.equal(run('unzip', ['-tqq', 'chunk.zip'], { cwd: directory }).status, 0);
      run('unzip', ['-qq', 'chunk.zip'], { cwd: directory });
      for (const { name, body } of entries) assert.deepEqual(await readFile(join(directory, name)), body);
      assert.match(run('zipinfo', ['chunk.zip', 'gw-1.tar.gz'], { cwd: directory }).stdout, /^-rw-------/m);
      const index = JSON.parse(await readFile(join(directory, 'index.json'), 'utf8'));
      assert.equal(index.entries[0].info.deviceId, 'gw-1');
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe('a damaged archive', () => {
  const { body, index } = packArchive(entries);
  const isDamage = (error: unknown) => error instanceof FleetError && error.code === 'archive-damaged';

  it('is refused wherever it is cut', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: body.length - 1 }), (length) => {
        assert.throws(() => readArchiveIndex(body.subarray(0, length)), isDamage);
      }),
    );
  });

  it('is refused, or reads the same, whichever bit is flipped', () => {
    fc.assert(
      fc.property(
        // Otherwise nearly all flips would hit the large body.
        fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: body.length - 700, max: body.length - 1 })),
        fc.integer({ min: 0, max: 7 }),
        (at, bit) => {
          const flipped = Buffer.from(body);
          flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
          try {
            assert.deepEqual(readArchiveIndex(flipped), index);
          } catch (error) {
            if (!isDamage(error)) throw error;
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('is refused when one octet of a bundle has changed', () => {
    const changed = Buffer.from(body);
    const offset = index[2]?.offset ?? 0;
    changed[offset + 1000] = 8;
    assert.throws(() => readArchiveIndex(changed), isDamage);
  });

  it('is refused when it is not a ZIP', () => {
    assert.throws(() => readArchiveIndex(Buffer.from('no zip at all, but long enough to hold an end')), isDamage);
  });
});
