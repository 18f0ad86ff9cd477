import 'reflect-metadata';
import assert from 'node:assert/strict';
import type { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import type { DeviceRecord } from '../../../lib/devices/device.ts';
import { FleetError } from '../../../lib/errors.ts';
import type { GroupInput } from '../../../lib/groups/definition.ts';
import { type Allocation, type AllocationRequest, allocateDevice } from '../../../lib/pipeline/allocate-device.ts';
import { reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import fc from '../../fast-check.ts';
import { type EstWorld, estGroup, estRequest, hub, openEstWorld } from './est-world.ts';

const definition = {
  ...estGroup,
  allocation: 'orchestrator',
  initialTwin: { tags: { site: 'berlin', slot: 'none' } },
} satisfies GroupInput;
const linkedHubs = [hub, 'other.azure-devices.net'];

const openWorld = () => openEstWorld(definition);

/** The answer of the webhook to a device that registers with this certificate. */
async function allocate(world: EstWorld, leaf: X509Certificate, change: Partial<AllocationRequest> = {}) {
  const group = (await world.groupStore.read('line7'))?.value ?? assert.fail();
  const request = {
    ...{ enrollmentGroup: 'line7', registrationId: 'gw-1', clientCertificate: leaf.raw.toString('base64') },
    ...{ currentHub: undefined, linkedHubs },
  };
  return allocateDevice({ ...request, ...change }, group, world.services());
}

const hubOf = (allocation: Allocation) => ('hub' in allocation ? allocation.hub : allocation.refused);
const twinOf = (allocation: Allocation) => ('hub' in allocation ? allocation.initialTwin : undefined);

async function refusal(world: EstWorld, leaf: X509Certificate, change: Partial<AllocationRequest> = {}) {
  const allocation = await allocate(world, leaf, change);
  return 'refused' in allocation ? allocation.refused : assert.fail(`assigned to ${allocation.hub}`);
}

/** Changes the record behind the back of the app. */
async function change(world: EstWorld, changed: Partial<DeviceRecord>): Promise<void> {
  const stored = (await world.devices.read(['gw-1'])).get('gw-1') ?? assert.fail();
  await world.devices.replace([{ ...stored, value: { ...stored.value, ...changed } }]);
}

const submit = async (world: EstWorld, onconflict: string, tags = '') => {
  const [columns, values] = tags === '' ? ['', ''] : [',tags.slot', `,${tags}`];
  const name = `${onconflict}-${tags}.csv`;
  await world.upload(name, `deviceId,enrollmentGroup${columns}\ngw-1,line7${values}\n`, { onconflict });
  await world.settle();
};

const reconcile = (world: EstWorld) => reconcileRegistrations(world.services());

describe('the webhook of custom allocation', () => {
  it('gives a device its own twin at its first registration, and only then', async () => {
    using world = await openWorld();
    await submit(world, 'replace', 'A3');
    const leaf = await world.bundleLeaf();
    const first = await allocate(world, leaf);
    assert.ok(linkedHubs.includes(hubOf(first)));
    assert.deepEqual(twinOf(first), { tags: { site: 'berlin', slot: 'A3' }, desired: {} });
    // It is asked again before the answer counts, and says the same.
    assert.deepEqual(await allocate(world, leaf), first);

    const again = await allocate(world, leaf, { currentHub: hub });
    assert.deepEqual(again, { hub });
    // The registration was deleted in DPS. The twin at the hub is still that of the device.
    world.pass(120);
    world.register(leaf);
    await reconcile(world);
    assert.equal(twinOf(await allocate(world, leaf)), undefined);
  });

  it('reads the certificate as DER in base64, as PEM, and as PEM in base64', async () => {
    using world = await openWorld();
    const leaf = await world.bundleLeaf();
    const pem = leaf.toString();
    const expected = await allocate(world, leaf);
    for (const clientCertificate of [pem, Buffer.from(pem).toString('base64')])
      assert.deepEqual(await allocate(world, leaf, { clientCertificate }), expected);
  });

  it('refuses a replaced certificate once the device has registered with the next one', async () => {
    using world = await openWorld();
    const first = await world.bundleLeaf();
    world.register(first);
    world.pass(120);
    await reconcile(world);
    world.pass(600);
    await submit(world, 'reissue');
    const second = await world.bundleLeaf();
    // The device has not installed the new bundle yet.
    assert.deepEqual(await allocate(world, first, { currentHub: hub }), { hub });
    assert.deepEqual(await allocate(world, second, { currentHub: hub }), { hub });
    world.pass(600);
    world.register(second);
    await reconcile(world);
    assert.match(await refusal(world, first, { currentHub: hub }), /was replaced at 2026/);
    assert.deepEqual(await allocate(world, second, { currentHub: hub }), { hub });
  });

  it('accepts the identity before a renewal until the renewed one has registered, and never an est-id', async () => {
    using world = await openWorld();
    const bundled = await world.bundleLeaf();
    world.register(bundled);
    world.pass(120);
    await reconcile(world);
    const estId = await world.ask(bundled, await estRequest({ kind: 'est-id' }));
    assert.match(await refusal(world, estId), /is its est-id/);
    const renewed = await world.ask(estId, await estRequest());
    assert.deepEqual(await allocate(world, bundled, { currentHub: hub }), { hub });
    assert.deepEqual(await allocate(world, renewed, { currentHub: hub }), { hub });
    world.pass(600);
    world.register(renewed);
    await reconcile(world);
    assert.match(await refusal(world, bundled, { currentHub: hub }), /was replaced/);
    assert.deepEqual(await allocate(world, renewed, { currentHub: hub }), { hub });
  });

  it('refuses certificates that are revoked, expired, unknown, of another device or of another group', async () => {
    using world = await openEstWorld(definition, ['gw-1', 'gw-2']);
    const leaf = await world.bundleLeaf();
    const other = await world.bundleLeaf('gw-2');
    assert.match(await refusal(world, other), /is not one of device "gw-1"/);
    assert.match(await refusal(world, leaf, { registrationId: 'gw-9' }), /There is no device "gw-9"/);
    assert.match(await refusal(world, leaf, { enrollmentGroup: 'line8' }), /is not for group "line7"/);
    assert.match(await refusal(world, leaf, { enrollmentGroup: undefined }), /is not for group "line7"/);
    assert.match(await refusal(world, leaf, { clientCertificate: undefined }), /no certificate/);
    assert.match(await refusal(world, leaf, { linkedHubs: [] }), /No hub/);

    const { certificates = [] } = world.record();
    await change(world, { certificates: certificates.map((each) => ({ ...each, enrollmentGroup: 'line8' })) });
    assert.match(await refusal(world, leaf), /was issued in group "line8"/);
    await change(world, { certificates: certificates.map((each) => ({ ...each, state: 'revoked' })) });
    assert.match(await refusal(world, leaf), /is revoked/);
    await change(world, { certificates });
    world.pass(366 * 24 * 3600);
    assert.match(await refusal(world, leaf), /ended at/);
  });

  it('refuses a device that is blocked, and asks DPS to come back while one is restored', async () => {
    using world = await openWorld();
    const leaf = await world.bundleLeaf();
    for (const status of ['deleting', 'deleted', 'closing', 'suspended', 'revoked', 'scrapped'] as const) {
      await change(world, { status });
      assert.equal(await refusal(world, leaf), `Device "gw-1" is ${status}.`);
    }
    await change(world, { status: 'opening' });
    await assert.rejects(() => allocate(world, leaf), { code: 'unavailable' });
  });

  it('asks DPS to come back while a certificate may be about to be recorded, or the store does not answer', async () => {
    using world = await openWorld();
    const leaf = await world.bundleLeaf();
    const record = world.record();
    const { certificates = [] } = record;
    await change(world, { status: 'claimed', certificates: [] });
    await assert.rejects(() => allocate(world, leaf), { code: 'unavailable' });
    await change(world, { status: 'failed', certificates: [] });
    assert.match(await refusal(world, leaf), /is not one of device/);
    await change(world, { ...record, certificates });
    const down = async () => Promise.reject(new FleetError('throttled', 'Cosmos DB asks to wait.'));
    const group = (await world.groupStore.read('line7'))?.value ?? assert.fail();
    const services = { ...world.services(), devices: { ...world.services().devices, read: down } };
    const request = { enrollmentGroup: 'line7', registrationId: 'gw-1', clientCertificate: leaf.toString() };
    await assert.rejects(() => allocateDevice({ ...request, currentHub: undefined, linkedHubs }, group, services), {
      code: 'throttled',
    });
  });

  it('keeps what the device has while a row that takes it over is in work', async () => {
    using world = await openWorld();
    const leaf = await world.bundleLeaf();
    const { serialNumber } = world.record();
    world.pass(600);
    // Cut in the middle of the chunk: the device is claimed, and its next certificate is not there.
    await world.upload('reissue.csv', 'deviceId,enrollmentGroup\ngw-1,line7\n', { onconflict: 'reissue' });
    const ingest = world.queue.shift();
    await ingest?.run();
    for (let calls = 1; calls < 20 && world.record().status !== 'claimed'; calls++) {
      world.interruptAfter(calls);
      await world.queue[0]?.run().catch(() => {});
    }
    assert.notEqual(world.record().serialNumber, serialNumber);
    assert.equal(world.record().status, 'claimed');
    assert.ok('hub' in (await allocate(world, leaf)));
  });

  it('never assigns a device by anything but a certificate of its record', async () => {
    using world = await openWorld();
    const leaf = await world.bundleLeaf();
    const spoiled = fc.tuple(fc.nat(leaf.raw.length - 1), fc.integer({ min: 1, max: 255 })).map(([place, bits]) => {
      const bytes = Buffer.from(leaf.raw);
      bytes[place] = (bytes[place] ?? 0) ^ bits;
      return bytes.toString('base64');
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(spoiled, fc.string(), fc.base64String()), async (clientCertificate) => {
        const allocation = await allocate(world, leaf, { clientCertificate }).catch((error: unknown) => {
          // One with the serial number of an issuance that is under way can be good in a moment.
          assert.ok(error instanceof FleetError && error.retry);
          return { refused: error.message };
        });
        assert.ok('refused' in allocation, clientCertificate);
      }),
    );
  });

  it('writes nothing', async () => {
    using world = await openWorld();
    const leaf = await world.bundleLeaf();
    const before = JSON.stringify(world.record());
    await allocate(world, leaf);
    assert.equal(JSON.stringify(world.record()), before);
  });
});

describe('a twin that a device got at its first registration', () => {
  async function mergedAfter(substatus: string, seconds: number): Promise<number> {
    using world = await openWorld();
    await submit(world, 'replace', 'A3');
    const leaf = await world.bundleLeaf();
    world.pass(seconds);
    world.register(leaf);
    const [found] = world.enrollments.registrations.get('line7') ?? [];
    world.enrollments.registrations.set('line7', [
      { deviceId: 'gw-1', registration: { ...(found?.registration ?? assert.fail()), substatus } },
    ]);
    let merged = 0;
    const services = world.services();
    const twins = { ...services.twins, merge: async () => void merged++ };
    await reconcileRegistrations({ ...services, twins });
    assert.equal(world.record().status, 'assigned');
    assert.notEqual(world.record().registration?.twinDeliveredAt, undefined);
    return merged;
  }

  it('is not merged again', async () => assert.equal(await mergedAfter('initialAssignment', 120), 0));
  it('is merged when DPS may have known the device before', async () =>
    assert.equal(await mergedAfter('reprovisionedToInitialAssignment', 120), 1));
  it('is merged when the row may be newer than the registration', async () =>
    assert.equal(await mergedAfter('initialAssignment', 30), 1));
});
