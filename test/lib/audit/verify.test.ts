import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readCheckpoint } from '../../../lib/audit/checkpoint.ts';
import { sequenceAudit } from '../../../lib/audit/sequencer.ts';
import { encodeBundle, readBundleEntries } from '../../../lib/audit/tiles.ts';
import { leafHash } from '../../../lib/audit/tree.ts';
import { createLog, logSigner } from './some-log.ts';

const binary = { contentType: 'application/octet-stream' };

/** A log of 700 entries: two full tiles, one with 188. Checkpoints at 300 and 700. */
async function someLog() {
  const trail = createLog();
  await trail.grow(300);
  const older = readCheckpoint((await trail.head.read('checkpoint')) ?? Buffer.alloc(0), logSigner.publicKey);
  const atOlder = new Map(trail.head.blobs);
  const metadata = (await trail.head.properties('checkpoint'))?.metadata ?? {};
  await trail.grow(400);
  assert.deepEqual((await trail.verify({ older })).findings, []);
  const storeOf = (path: string) => (path.includes('.p/') || path === 'checkpoint' ? trail.head : trail.log);
  const read = async (path: string) => Buffer.from((await storeOf(path).read(path)) ?? '');
  return {
    ...trail,
    older,
    atOlder,
    metadata,
    read,
    storeOf,
    write: (path: string, body: Buffer) => storeOf(path).write(path, body, binary),
    places: async () => (await trail.verify({ older })).findings.map(({ where, what }) => `${where}: ${what}`),
  };
}

describe('the verification finds, and says where', () => {
  it('one changed byte of an entry', async () => {
    const trail = await someLog();
    const body = await trail.read('tile/entries/001');
    const at = body.indexOf('gw-400');
    body[at + 5] = '1'.charCodeAt(0);
    await trail.write('tile/entries/001', body);
    const places = await trail.places();
    assert.match(places[1] ?? '', /^intake\/000000, line that ends at byte \d+: entry 400 of the log is another one$/);
    assert.deepEqual(places.toSpliced(1, 1), [
      'tile/entries/001, entry 144 (400 of the log): does not have the hash that is in tile/0/001',
      'tile/1/000.p/2: hash 1 is not that of tile/0/001',
      'checkpoint: has another root hash than its 700 entries',
      'entries 300 to 699: at least one of them was changed, by the copies of the checkpoints',
    ]);
  });

  it('an entry that was changed together with its hashes', async () => {
    const trail = await someLog();
    const entries = readBundleEntries(await trail.read('tile/entries/000'));
    entries[7] = Buffer.from(String(entries[7]).replace('gw-7', 'gw-8'));
    await trail.write('tile/entries/000', encodeBundle(entries));
    await trail.write('tile/0/000', Buffer.concat(entries.map((entry) => leafHash(entry))));
    const places = await trail.places();
    assert.match(places[0] ?? '', /^intake\/000000, line that ends at byte \d+: entry 7 of the log is another one$/);
    assert.deepEqual(places.slice(1), [
      'tile/1/000.p/2: hash 0 is not that of tile/0/000',
      'checkpoint: has another root hash than its 700 entries',
      'entries 0 to 299: at least one of them was changed, by the copies of the checkpoints',
      'older checkpoint of 300 entries: the first 300 entries give another root hash now',
    ]);
  });

  for (const [path, place] of [
    ['tile/entries/000', /^tile\/entries\/000/],
    ['tile/entries/002.p/188', /^tile\/entries\/002\.p\/188/],
    ['tile/0/000', /hash that is in tile\/0\/000$/],
    ['tile/0/002.p/188', /hash that is in tile\/0\/002\.p\/188$/],
    ['tile/1/000.p/2', /^tile\/1\/000\.p\/2: hash \d is not that of/],
    ['checkpoint', /^checkpoint: /],
    ['intake/000000', /^intake\/000000, line that ends at byte \d+: entry \d+ of the log is another one$/],
  ] as const) {
    it(`any one changed byte of ${path}`, async () => {
      const trail = await someLog();
      const { length } = await trail.read(path);
      const metadata = path === 'checkpoint' ? trail.metadata : {};
      // Everywhere in small blobs, at 40 places in others.
      for (let at = 0; at < length; at += Math.ceil(length / 40)) {
        const body = await trail.read(path);
        body.writeUInt8(body.readUInt8(at) ^ 1, at);
        const store = trail.storeOf(path);
        const intact = { body: await trail.read(path), ...(await store.properties(path)) };
        await store.write(path, body, { ...binary, metadata: intact.metadata ?? metadata });
        const places = await trail.places();
        assert.ok(
          places.some((each) => place.test(each)),
          `byte ${at}: ${places.slice(0, 3).join('; ')}`,
        );
        await store.write(path, intact.body, { ...binary, metadata: intact.metadata ?? metadata });
      }
      assert.deepEqual(await trail.places(), []);
    });
  }

  it('one removed entry', async () => {
    const trail = await someLog();
    const entries = readBundleEntries(await trail.read('tile/entries/002.p/188'));
    await trail.write('tile/entries/002.p/188', encodeBundle(entries.toSpliced(10, 1)));
    const places = await trail.places();
    assert.match(places[0] ?? '', /^tile\/entries\/002\.p\/188: has 187 whole entries in \d+ bytes; expected 188$/);
    assert.equal(
      places[1],
      'tile/entries/002.p/188, entry 10 (522 of the log): does not have the hash that is in tile/0/002.p/188',
    );
  });

  it('two swapped tiles', async () => {
    const trail = await someLog();
    const [first, second] = [await trail.read('tile/0/000'), await trail.read('tile/0/001')];
    await trail.write('tile/0/000', second);
    await trail.write('tile/0/001', first);
    const places = await trail.places();
    assert.equal(places[0], 'tile/entries/000, entry 0 (0 of the log): does not have the hash that is in tile/0/000');
    assert.ok(!places.some((place) => place.startsWith('checkpoint')), 'the entries themselves are intact');
  });

  it('two swapped tiles whose entries were swapped too', async () => {
    const trail = await someLog();
    for (const kind of ['0', 'entries']) {
      const [first, second] = [await trail.read(`tile/${kind}/000`), await trail.read(`tile/${kind}/001`)];
      await trail.write(`tile/${kind}/000`, second);
      await trail.write(`tile/${kind}/001`, first);
    }
    const places = await trail.places();
    assert.ok(places.includes('tile/1/000.p/2: hash 0 is not that of tile/0/000'));
    assert.ok(places.includes('checkpoint: has another root hash than its 700 entries'));
  });

  it('a log that was cut off, by the copies, by the intake and by an older checkpoint', async () => {
    const trail = await someLog();
    const newer = readCheckpoint(await trail.read('checkpoint'), logSigner.publicKey);
    for (const [path, body] of trail.atOlder)
      await trail.head.write(path, body, { ...binary, metadata: trail.metadata });
    const { findings, waiting, size } = await trail.verify({ older: newer });
    assert.deepEqual([size, waiting], [300, 400]);
    assert.deepEqual(
      findings.map(({ where }) => where),
      ['checkpoints/700', 'older checkpoint of 700 entries'],
    );
    // The next run writes the same entries again.
    await sequenceAudit(trail.ports);
    assert.deepEqual((await trail.verify({ older: newer })).findings, []);
  });

  it('a tile, a bundle and a checkpoint that are missing', async () => {
    const trail = await someLog();
    for (const path of ['tile/entries/000', 'tile/0/001']) trail.log.delete(path);
    assert.deepEqual(await trail.places(), ['tile/entries/000: is missing', 'tile/0/001: is missing']);
    trail.head.delete('checkpoint');
    assert.equal((await trail.verify()).waiting, 700);
    assert.deepEqual(await trail.places(), ['checkpoint: is missing']);
  });

  it('an entry that is lost with its hash', async () => {
    const trail = await someLog();
    for (const path of ['tile/entries/000', 'tile/0/000']) trail.log.delete(path);
    const places = await trail.places();
    assert.equal(
      places[2],
      'tile/entries/000, entry 0 (0 of the log): is lost, and its hash with it. The rest was not read',
    );
  });

  it('a checkpoint that another key signed', async () => {
    const trail = await someLog();
    const note = String(await trail.read('checkpoint')).replace('700', '701');
    await trail.write('checkpoint', Buffer.from(note));
    assert.deepEqual(await trail.places(), ['checkpoint: is not signed with this key']);
  });

  it('no fault in entries that wait for the log, and shows them', async () => {
    const trail = await someLog();
    await trail.grow(3, { sequence: false });
    const { size, waiting, findings } = await trail.verify();
    assert.deepEqual([size, waiting, findings], [700, 3, []]);
    assert.equal((await trail.entries()).length, 703);
  });

  it('a line of the intake that the log does not have', async () => {
    const trail = await someLog();
    const lines = trail.segments.lines('intake/000000');
    const more = lines.toSpliced(500, 0, '{"v":1}');
    await trail.log.write('intake/000000', Buffer.from(`${more.join('\n')}\n`), binary);
    const places = await trail.places();
    assert.match(places[0] ?? '', /^intake\/000000, line that ends at byte \d+: entry 500 of the log is another one$/);
  });
});
