import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceStore } from '../../../lib/devices/device.ts';
import { blockDevice } from '../../../lib/pipeline/block-device.ts';
import { allCertificates, type CertificateFilter, certificatePage } from '../../../lib/pipeline/list-certificates.ts';
import { someDevice, someTime } from '../../factories.ts';
import { createWorld } from '../../world.ts';

/** Two groups; gw-1 was reissued under the second CA of line7, and gw-9 moved from line7 to line8. */
async function openWorld() {
  let time = someTime.getTime();
  const world = createWorld({ now: () => new Date(time) });
  const pass = (days: number) => {
    time += days * 86_400_000;
  };
  const submit = async (group: string, text: string, onconflict = 'reject') => {
    await world.upload(`${group}/list.csv`, text, { onconflict });
    await world.settle();
  };
  await world.declare('line7', { keyCustody: 'plain' });
  await world.declare('line8', { keyCustody: 'plain' });
  await submit('line7', 'deviceId\ngw-1\ngw-2\ngw-3\ngw-9\n');
  pass(10);
  await world.services().groups.rollOver('line7');
  await submit('line7', 'deviceId\ngw-1\n', 'reissue');
  await submit('line8', 'deviceId\ngw-9\n', 'replace');
  pass(10);
  const now = () => new Date(time).toISOString();
  const held = async (filter: Partial<CertificateFilter>) => {
    const found = await Array.fromAsync(allCertificates({ asOf: now(), ...filter }, world.devices));
    return found.map(({ deviceId, enrollmentGroup, caGeneration }) => `${deviceId} ${enrollmentGroup}/${caGeneration}`);
  };
  return Object.assign(world, { pass, held, now });
}

const day = (days: number) => new Date(someTime.getTime() + days * 86_400_000).toISOString();

describe('which devices hold a certificate', () => {
  it('of a CA, also those that have another one or another group by now', async () => {
    using world = await openWorld();
    const first = ['gw-1 line7/1', 'gw-2 line7/1', 'gw-3 line7/1', 'gw-9 line7/1'];
    assert.deepEqual(await world.held({ enrollmentGroup: 'line7', caGeneration: 1 }), first);
    assert.deepEqual(await world.held({ enrollmentGroup: 'line7', caGeneration: 2 }), ['gw-1 line7/2']);
    assert.deepEqual(await world.held({ enrollmentGroup: 'line8' }), ['gw-9 line8/1']);
    assert.equal((await world.held({})).length, 6);
  });

  it('issued between two times, with a key made here, as of a time', async () => {
    using world = await openWorld();
    const late = ['gw-1 line7/2', 'gw-9 line8/1'];
    assert.deepEqual(await world.held({ issuedFrom: day(5) }), late);
    assert.equal((await world.held({ issuedTo: day(5) })).length, 4);
    assert.equal((await world.held({ keyMadeBy: 'service' })).length, 6);
    assert.deepEqual(await world.held({ keyMadeBy: 'device' }), []);
    assert.equal((await world.held({ asOf: day(5) })).length, 4);
    assert.deepEqual(await world.held({ asOf: day(4000) }), []);
    await blockDevice('gw-2', 'revoked', { by: 'Ann', reason: 'lost' }, world.services());
    world.pass(1);
    assert.ok(!(await world.held({})).some((each) => each.startsWith('gw-2')));
    // It held it until then.
    assert.ok((await world.held({ asOf: day(15) })).includes('gw-2 line7/1'));
  });

  it('in pages that end after some seconds, also when nothing matches', async () => {
    const fleet = Array.from({ length: 45_000 }, (_, row) => someDevice({ id: `gw-${String(row).padStart(6, '0')}` }));
    let read = 0;
    const list: DeviceStore['list'] = async (_filter, { size, continuation }) => {
      const from = continuation === undefined ? 0 : fleet.findIndex(({ id }) => id > continuation);
      const items = fleet.slice(from, from + size);
      read += items.length;
      const last = items.at(-1);
      return from + size >= fleet.length || last === undefined ? { items } : { items, continuation: last.id };
    };
    const filter = { asOf: someTime.toISOString(), enrollmentGroup: 'nowhere' };
    const seen: number[] = [];
    let continuation: string | undefined;
    do {
      read = 0;
      const page = await certificatePage(filter, { size: 100, continuation }, { list });
      assert.deepEqual(page.items, []);
      seen.push(read);
      continuation = page.continuation;
    } while (continuation !== undefined);
    assert.deepEqual(seen, [20_000, 20_000, 5_000]);
  });

  it('in pages that part no device', async () => {
    using world = await openWorld();
    const filter = { asOf: world.now() };
    const pages: string[][] = [];
    let continuation: string | undefined;
    do {
      const page = await certificatePage(filter, { size: 2, continuation }, world.devices);
      pages.push(page.items.map(({ deviceId }) => deviceId));
      continuation = page.continuation;
    } while (continuation !== undefined);
    assert.deepEqual(pages, [
      ['gw-1', 'gw-1'],
      ['gw-2', 'gw-3'],
      ['gw-9', 'gw-9'],
    ]);
  });
});
