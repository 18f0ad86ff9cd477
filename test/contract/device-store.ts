import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceStore } from '../../lib/devices/device.ts';
import { someDevice } from '../factories.ts';

/** What every DeviceStore does. `open` gives the same, possibly shared, store; ids are fresh so that runs do not meet. */
export function deviceStoreContract(name: string, open: () => Promise<DeviceStore> | DeviceStore): void {
  const run = Date.now().toString(36);
  const id = (suffix: string | number) => `contract-${run}-${suffix}`;

  describe(`device store: ${name}`, () => {
    it('creates what is not there and never overwrites', async () => {
      const store = await open();
      const [first] = await store.create([someDevice({ id: id('a'), contentHash: 'first' })]);
      assert.ok(first);
      const [again, other] = await store.create([
        someDevice({ id: id('a'), contentHash: 'second' }),
        someDevice({ id: id('b') }),
      ]);
      assert.equal(again, undefined);
      assert.ok(other);
      const [read] = await store.read([id('a')]);
      assert.equal(read?.value.contentHash, 'first');
      assert.equal(read?.etag, first);
    });

    it('answers in the order of the question, with nothing for what is not there', async () => {
      const store = await open();
      await store.create([someDevice({ id: id('c') }), someDevice({ id: id('d') })]);
      const read = await store.read([id('d'), id('nobody'), id('c')]);
      assert.deepEqual(
        read.map((record) => record?.value.id),
        [id('d'), undefined, id('c')],
      );
    });

    it('gives back a record as it was written, and nothing else', async () => {
      const store = await open();
      const device = someDevice({ id: id('whole'), twin: { tags: { slot: 4, deep: { er: [1, null] } }, desired: {} } });
      await store.create([device]);
      assert.deepEqual((await store.read([device.id]))[0]?.value, device);
    });

    it('replaces a record only as the version that was read', async () => {
      const store = await open();
      const device = someDevice({ id: id('e') });
      const [etag = ''] = await store.create([device]);
      const [second] = await store.replace([{ value: { ...device, status: 'provisioned' }, etag }]);
      assert.ok(second);
      assert.notEqual(second, etag);
      const [stale] = await store.replace([{ value: { ...device, status: 'failed' }, etag }]);
      assert.equal(stale, undefined);
      assert.equal((await store.read([device.id]))[0]?.value.status, 'provisioned');
    });

    it('takes more records at once than one request to Cosmos DB may carry', async () => {
      const store = await open();
      const devices = Array.from({ length: 250 }, (_, index) => someDevice({ id: id(`many-${index}`) }));
      const etags = await store.create(devices);
      assert.ok(etags.every((etag) => etag !== undefined));
      const read = await store.read(devices.map((device) => device.id));
      assert.deepEqual(
        read.map((record) => record?.value.id),
        devices.map((device) => device.id),
      );
    });

    it('lists by job, group and status, in pages that meet every record once', async () => {
      const store = await open();
      const group = `group-${run}`;
      const claim = { jobId: run.padEnd(24, '0'), chunk: 0, line: 2, attempt: 1 };
      const devices = Array.from({ length: 25 }, (_, index) =>
        someDevice({ id: id(`list-${String(index).padStart(2, '0')}`), enrollmentGroup: group, claim }),
      );
      await store.create([
        ...devices,
        someDevice({ id: id('list-other'), enrollmentGroup: group, status: 'failed', claim }),
      ]);
      const seen: string[] = [];
      let continuation: string | undefined;
      do {
        const page = await store.list(
          { enrollmentGroup: group, status: 'claimed', jobId: claim.jobId },
          { size: 10, continuation },
        );
        assert.ok(page.items.length <= 10);
        seen.push(...page.items.map((record) => record.id));
        continuation = page.continuation;
      } while (continuation !== undefined);
      assert.deepEqual(
        seen,
        devices.map((device) => device.id),
      );
    });

    it('names the devices of a group that wait for DPS', async () => {
      const store = await open();
      const group = `waiting-${run}`;
      await store.create([
        someDevice({ id: id('w1'), enrollmentGroup: group, status: 'provisioned' }),
        someDevice({ id: id('w2'), enrollmentGroup: group, status: 'provisioned' }),
        someDevice({ id: id('w3'), enrollmentGroup: group, status: 'assigned' }),
      ]);
      assert.deepEqual((await store.waitingIds(group, 10)).sort(), [id('w1'), id('w2')]);
      assert.equal((await store.waitingIds(group, 1)).length, 1);
    });
  });
}
