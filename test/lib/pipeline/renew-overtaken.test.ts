import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { applyRegistrations } from '../../../lib/pipeline/apply-registrations.ts';
import { reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import { renewCertificate } from '../../../lib/pipeline/renew-certificate.ts';
import { Interruption } from '../../world.ts';
import { type EstWorld, estRequest, openEstWorld } from './est-world.ts';

const refused = { code: 'renewal-refused' };

/* A device gives a request up and makes another one, while a delivery of the first is still under way. */
describe('a request that was overtaken by another one', () => {
  it('is not signed when it is delivered again', async () => {
    using world = await openEstWorld();
    const leaf = await world.bundleLeaf();
    const [first, second] = [await estRequest(), await estRequest()];
    // The worker dies when it has reserved a serial number.
    world.failOn('intent');
    await assert.rejects(world.ask(leaf, first), Interruption);
    const given = await world.ask(leaf, second);
    const before = structuredClone(world.record());
    await assert.rejects(world.ask(leaf, first), refused);
    world.pass(3600);
    await assert.rejects(world.ask(leaf, first), refused);
    assert.deepEqual(world.record(), before);
    assert.equal((await world.ask(leaf, second)).fingerprint256, given.fingerprint256);
  });

  it('does not take the place of the newer certificate when it is signed later', async () => {
    using world = await openEstWorld();
    const leaf = await world.bundleLeaf();
    const [first, second] = [await estRequest(), await estRequest()];
    const services = world.services();
    let newer = leaf;
    const audit = {
      ...services.audit,
      result: services.audit.result.bind(services.audit),
      async intent(act: Parameters<typeof services.audit.intent>[0]) {
        newer = await world.ask(leaf, second);
        return services.audit.intent(act);
      },
    };
    const overtaken = renewCertificate({ label: 'line7~1', leaf, body: first }, { ...services, audit });
    await assert.rejects(overtaken, refused);
    const { serialNumber, certificates = [] } = world.record();
    assert.equal(serialNumber, newer.serialNumber.toLowerCase());
    // It was signed, so the record names it.
    assert.deepEqual(
      certificates.map(({ state }) => state),
      ['superseded', 'live', 'live'],
    );
    assert.equal((await world.ask(leaf, second)).fingerprint256, newer.fingerprint256);
  });

  for (const [when, seconds] of [
    ['at once', 1],
    ['minutes later', 300],
  ] as const) {
    it(`leaves the record to the identity that the device uses, when the other one is issued ${when}`, async () => {
      const { world, first, used, awaited: late } = await seenWithOlder(seconds);
      using _ = world;
      const { serialNumber, unconfirmedSince, certificates = [] } = world.record();
      assert.deepEqual([serialNumber, unconfirmedSince !== undefined], [used.serialNumber.toLowerCase(), true]);
      const states = new Map(certificates.map((each) => [each.serialNumber, each.state]));
      const stateOf = (certificate: typeof used) => states.get(certificate.serialNumber.toLowerCase());
      assert.deepEqual([used, late, first].map(stateOf), ['live', 'live', 'superseded']);
      // Both can renew.
      await world.ask(used, await estRequest({ kind: 'est-id' }));
    });
  }

  /** A device that registered with one identity, and some seconds later a newer one was recorded. */
  async function seenWithOlder(seconds = 1) {
    const world = await openEstWorld();
    const first = await world.ask(await world.bundleLeaf(), await estRequest());
    world.pass(60);
    world.register(first);
    await reconcileRegistrations(world.services());
    world.pass(1000);
    const used = await world.ask(first, await estRequest());
    const registeredAt = world.now();
    world.pass(seconds);
    const awaited = await world.ask(first, await estRequest());
    world.register(used, 'gw-1', registeredAt);
    await reconcileRegistrations(world.services());
    assert.equal(world.record().serialNumber, used.serialNumber.toLowerCase());
    return { world, first, used, awaited };
  }
  const look = (world: EstWorld) => {
    const { serialNumber, unconfirmedSince, certificates = [] } = world.record();
    const live = certificates.filter(({ kind, state }) => kind === 'identity' && state === 'live');
    return { serialNumber, waits: unconfirmedSince !== undefined, live: live.map((each) => each.serialNumber) };
  };
  const nameOf = ({ serialNumber }: { readonly serialNumber: string }) => serialNumber.toLowerCase();

  it('is seen by the frequent timer with the identity that it registers with next', async () => {
    const { world, used, awaited } = await seenWithOlder();
    using _ = world;
    world.pass(60);
    // It comes back first with the one that it has.
    world.register(used);
    await reconcileRegistrations(world.services());
    const both = { serialNumber: nameOf(used), waits: true, live: [nameOf(awaited), nameOf(used)] };
    assert.deepEqual(look(world), both);
    world.pass(60);
    world.register(awaited);
    await reconcileRegistrations(world.services());
    assert.deepEqual(look(world), { serialNumber: nameOf(awaited), waits: false, live: [nameOf(awaited)] });
    await assert.rejects(world.ask(used, await estRequest()), refused);
  });

  it('is not waited for any more after a day, and is seen by a sweep', async () => {
    const { world, used, awaited } = await seenWithOlder();
    using _ = world;
    world.pass(24 * 3600 - 60);
    await reconcileRegistrations(world.services());
    assert.equal(look(world).waits, true);
    world.pass(120);
    await reconcileRegistrations(world.services());
    const left = { serialNumber: nameOf(used), waits: false, live: [nameOf(awaited), nameOf(used)] };
    assert.deepEqual(look(world), left);
    world.register(awaited);
    const [registration] = world.enrollments.registrations.get('line7') ?? [];
    const { devices, groups, ...ports } = world.services();
    const [records, group] = [await devices.read(['gw-1']), await groups.latest('line7')];
    await applyRegistrations(registration ? [registration] : [], records, group.value, { devices, ...ports });
    assert.deepEqual(look(world), { serialNumber: nameOf(awaited), waits: false, live: [nameOf(awaited)] });
  });

  it('locks no gateway out that loses two answers and comes back with the est-id that it has', async () => {
    using world = await openEstWorld();
    const estId = await world.ask(await world.bundleLeaf(), await estRequest({ kind: 'est-id' }));
    const identity = await world.ask(estId, await estRequest());
    world.pass(60);
    world.register(identity);
    for (let lost = 0; lost < 3; lost++) await world.ask(estId, await estRequest({ kind: 'est-id' }));
    const given = await world.ask(estId, await estRequest({ kind: 'est-id' }));
    await world.ask(given, await estRequest());
    await assert.rejects(world.ask(estId, await estRequest()), refused);
  });
});
