import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import type { BlobStore } from '../../lib/storage.ts';
import { assertEvery } from '../assert-every.ts';

const text = { contentType: 'text/plain' };

async function readAll(stream: AsyncIterable<Uint8Array> | undefined): Promise<string> {
  assert.ok(stream);
  return Buffer.concat(await Array.fromAsync(stream)).toString('utf8');
}

/** The contract of every BlobStore. */
export function blobStoreContract(name: string, open: () => Promise<BlobStore> | BlobStore): void {
  describe(`blob store: ${name}`, () => {
    it('creates a blob once, from bytes and from a stream', async () => {
      const store = await open();
      const blob = randomUUID();
      assert.ok(await store.create(blob, Buffer.from('first'), text));
      assert.equal(await store.create(blob, Buffer.from('second'), text), undefined);
      const late = (async function* () {
        yield Buffer.from('third');
      })();
      assert.equal(await store.createFrom(blob, late, text), undefined);
      assert.equal((await store.read(blob))?.toString(), 'first');
    });

    it('lists the blobs below a prefix, by name', async () => {
      const store = await open();
      const folder = randomUUID();
      for (const blob of ['b', 'a/2', 'a/1']) await store.create(`${folder}/${blob}`, Buffer.from(blob), text);
      const listed = await Array.fromAsync(store.list(`${folder}/a`));
      assert.deepEqual(
        listed.map(({ name }) => name),
        [`${folder}/a/1`, `${folder}/a/2`],
      );
      assertEvery(listed, ({ createdAt, changedAt }) => createdAt instanceof Date && changedAt >= createdAt);
      const asked = await Promise.all(listed.map(({ name }) => store.properties(name)));
      assert.deepEqual(
        listed.map(({ etag, bytes }) => ({ etag, bytes })),
        asked.map((properties) => ({ etag: properties?.etag, bytes: properties?.bytes })),
      );
    });

    it('writes a stream of any length, with its metadata', async () => {
      const store = await open();
      const blob = `folder/${randomUUID()}`;
      const source = (async function* () {
        for (let part = 0; part < 100; part++) yield Buffer.from(`${part}\n`);
      })();
      const etag = await store.createFrom(blob, source, { ...text, metadata: { orderid: 'abc' } });
      const properties = await store.properties(blob);
      assert.equal(properties?.etag, etag);
      assert.equal(properties?.bytes, 290);
      assert.equal(properties?.metadata['orderid'], 'abc');
    });

    it('replaces a blob only while it has the etag given', async () => {
      const store = await open();
      const blob = randomUUID();
      const etag = (await store.create(blob, Buffer.from('before'), text)) ?? assert.fail();
      const next = (await store.replace(blob, Buffer.from('after'), { ...text, etag })) ?? assert.fail();
      assert.notEqual(next, etag);
      assert.equal(await store.replace(blob, Buffer.from('late'), { ...text, etag }), undefined);
      assert.equal((await store.read(blob))?.toString(), 'after');
      assert.equal(await store.replace(randomUUID(), Buffer.from('new'), { ...text, etag }), undefined);
    });

    it('overwrites with write, and gives the blob a new etag', async () => {
      const store = await open();
      const blob = randomUUID();
      const etag = await store.create(blob, Buffer.from('before'), text);
      await store.write(blob, Buffer.from('after'), text);
      assert.equal((await store.read(blob))?.toString(), 'after');
      assert.notEqual((await store.properties(blob))?.etag, etag);
    });

    it('answers undefined for a blob that does not exist', async () => {
      const store = await open();
      assert.equal(await store.read(randomUUID()), undefined);
      assert.equal(await store.properties(randomUUID()), undefined);
      assert.equal(await store.readRange(randomUUID(), { offset: 0, length: 1 }), undefined);
      assert.equal(await store.open(randomUUID(), {}), undefined);
    });

    it('keeps a snapshot of the version with the given etag when the blob is overwritten', async () => {
      const store = await open();
      const blob = `folder/${randomUUID()}`;
      const etag = (await store.create(blob, Buffer.from('0123456789'), text)) ?? '';
      const snapshot = await store.snapshot(blob, { etag });
      const again = await store.snapshot(blob, { etag });
      assert.ok(snapshot);
      await store.write(blob, Buffer.from('abcdefghijk'), text);
      for (const version of [{ snapshot }, { snapshot, etag }, { snapshot: again }]) {
        assert.equal((await store.readRange(blob, { offset: 3, length: 4, ...version }))?.toString(), '3456');
        assert.equal(await readAll(await store.open(blob, version)), '0123456789');
        assert.equal((await store.properties(blob, version))?.bytes, 10);
      }
      assert.equal((await store.read(blob))?.toString(), 'abcdefghijk');
      assert.equal(await store.snapshot(blob, { etag }), undefined);
    });

    it('reads one version as a whole while the blob is replaced', async () => {
      const store = await open();
      const blob = randomUUID();
      const versions = ['short', 'much longer than that'];
      await store.write(blob, Buffer.from('short'), text);
      let isReading = true;
      const replacing = (async () => {
        for (let turn = 1; isReading; turn++) await store.write(blob, Buffer.from(versions[turn % 2] ?? ''), text);
      })();
      for (let reads = 0; reads < 50; reads++) {
        const content = (await store.read(blob))?.toString();
        assert.ok(versions.includes(content ?? ''), content);
      }
      isReading = false;
      await replacing;
    });

    it('answers undefined for a snapshot that does not exist', async () => {
      const store = await open();
      const blob = randomUUID();
      await store.create(blob, Buffer.from('0123456789'), text);
      const snapshot = '2020-01-01T00:00:00.0000000Z';
      assert.equal(await store.readRange(blob, { offset: 0, length: 1, snapshot }), undefined);
      assert.equal(await store.open(blob, { snapshot }), undefined);
      assert.equal(await store.snapshot(randomUUID(), { etag: '0x8D0000000000001' }), undefined);
    });

    it('reads a range and a stream of the version with the given etag, and of no other', async () => {
      const store = await open();
      const blob = randomUUID();
      const etag = await store.create(blob, Buffer.from('0123456789'), text);
      assert.equal((await store.readRange(blob, { offset: 3, length: 4, etag }))?.toString(), '3456');
      assert.equal(await readAll(await store.open(blob, { etag })), '0123456789');
      await store.write(blob, Buffer.from('abcdefghij'), text);
      assert.equal(await store.readRange(blob, { offset: 3, length: 4, etag }), undefined);
      assert.equal(await store.open(blob, { etag }), undefined);
      assert.equal(await store.properties(blob, { etag }), undefined);
    });
  });
}
