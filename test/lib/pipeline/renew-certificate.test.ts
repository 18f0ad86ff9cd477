import assert from 'node:assert/strict';
import type { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { certificatesOf } from '../../../lib/devices/certificates.ts';
import { applyRegistrations } from '../../../lib/pipeline/apply-registrations.ts';
import { blockDevice } from '../../../lib/pipeline/block-device.ts';
import { completeRollover } from '../../../lib/pipeline/complete-rollover.ts';
import { estCaCertificates } from '../../../lib/pipeline/est-ca-certificates.ts';
import { reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import { readCertificate } from '../../../lib/pki/certificate.ts';
import { shareOf } from '../../../lib/pki/spread.ts';
import { Interruption } from '../../world.ts';
import { type EstWorld, estGroup, estRequest, openEstWorld } from './est-world.ts';

const day = 86_400;

const refuses = (code: string, message: RegExp) => (error: { code: string; message: string }) => {
  assert.equal(error.code, code);
  assert.match(error.message, message);
  return true;
};

const serialOf = ({ serialNumber }: X509Certificate) => serialNumber.toLowerCase();

/** The certificates of a record: kind, state and the end of the serial number. */
const states = (world: EstWorld) =>
  certificatesOf(world.record()).map(({ kind, state, serialNumber }) => `${kind} ${state} ${serialNumber.slice(-4)}`);
const tail = (certificate: X509Certificate) => serialOf(certificate).slice(-4);

/** A device that registered with its bundle, and got its second identity a minute ago. */
async function renewedOnce() {
  const world = await openEstWorld();
  const leaf = await world.bundleLeaf();
  world.register(leaf);
  await reconcileRegistrations(world.services());
  world.pass(200 * day);
  const second = await world.ask(leaf, await estRequest());
  world.pass(60);
  return { world, leaf, second };
}

describe('renewCertificate', () => {
  it('issues est-id, identity and Edge CA, as IoT Edge asks for them', async () => {
    using world = await openEstWorld();
    const leaf = await world.bundleLeaf();
    const estId = await world.ask(leaf, await estRequest({ kind: 'est-id' }));
    const identity = await world.ask(estId, await estRequest({ key: 'rsa-2048' }));
    const edgeCa = await world.ask(estId, await estRequest({ kind: 'edge-ca', key: 'rsa-2048' }));

    assert.equal(identity.subject, 'CN=gw-1');
    assert.equal(identity.publicKey.asymmetricKeyType, 'rsa');
    assert.equal(edgeCa.ca, true);
    assert.equal(readCertificate(edgeCa.raw).basicConstraints?.pathLength, 0);
    assert.deepEqual(states(world), [
      `edge-ca live ${tail(edgeCa)}`,
      `identity live ${tail(identity)}`,
      `est-id live ${tail(estId)}`,
      `identity live ${tail(leaf)}`,
    ]);
    assert.equal(world.record().serialNumber, serialOf(identity));
    assert.equal(world.record().unconfirmedSince, world.now().toISOString());
  });

  it('keeps the identity before until a registration confirms the new one', async () => {
    using world = await openEstWorld();
    const leaf = await world.bundleLeaf();
    world.register(leaf);
    await reconcileRegistrations(world.services());
    world.pass(200 * day);
    const renewed = await world.ask(leaf, await estRequest());
    // The renewal failed after that. The device comes back with the certificate that it has.
    world.pass(15 * day);
    const again = await world.ask(leaf, await estRequest());
    assert.deepEqual(states(world), [
      `identity live ${tail(again)}`,
      `identity superseded ${tail(renewed)}`,
      `identity live ${tail(leaf)}`,
    ]);

    world.pass(60);
    world.register(again);
    await reconcileRegistrations(world.services());
    assert.equal(world.record().unconfirmedSince, undefined);
    assert.deepEqual(states(world).slice(0, 1), [`identity live ${tail(again)}`]);
    await assert.rejects(world.ask(leaf, await estRequest()), refuses('renewal-refused', /was replaced at/));
  });

  it('keeps the renewed identity that the device uses, also when it was not seen yet', async () => {
    const { world, leaf, second } = await renewedOnce();
    using _ = world;
    world.register(second);
    const third = await world.ask(second, await estRequest());
    assert.deepEqual(states(world), [
      `identity live ${tail(third)}`,
      `identity live ${tail(second)}`,
      `identity superseded ${tail(leaf)}`,
    ]);
  });

  it('ends the identity that the device used, when it shows up with the one that was awaited', async () => {
    const { world, leaf, second } = await renewedOnce();
    using _ = world;
    // A late answer: the registration by the one before is seen after it.
    const third = await world.ask(leaf, await estRequest());
    world.pass(1);
    world.register(second);
    await reconcileRegistrations(world.services());
    assert.deepEqual(
      [world.record().serialNumber, states(world)[0]],
      [serialOf(second), `identity live ${tail(third)}`],
    );
    world.pass(60);
    world.register(third);
    // A sweep sees it: no device waits for a registration.
    const services = world.services();
    const [seen = assert.fail()] = world.enrollments.registrations.get('line7') ?? [];
    const group = (await services.groups.latest('line7')).value;
    await applyRegistrations([seen], await world.devices.read(['gw-1']), group, services);
    assert.deepEqual(states(world).slice(0, 2), [
      `identity live ${tail(third)}`,
      `identity superseded ${tail(second)}`,
    ]);
    assert.equal(world.record().serialNumber, serialOf(third));
  });

  it('answers a request that is delivered twice with the same certificate', async () => {
    using world = await openEstWorld();
    const leaf = await world.bundleLeaf();
    const request = await estRequest();
    const [first, second] = await Promise.all([world.ask(leaf, request), world.ask(leaf, request)]);
    world.pass(3600);
    const third = await world.ask(leaf, request);
    assert.deepEqual([serialOf(second), serialOf(third)], [serialOf(first), serialOf(first)]);
    assert.ok(first.raw.equals(second.raw) && first.raw.equals(third.raw));
    assert.equal(certificatesOf(world.record()).length, 2);
  });

  it('takes the same request for a renewal in the second half of the life of its answer', async () => {
    using world = await openEstWorld();
    const leaf = await world.bundleLeaf();
    const request = await estRequest();
    const first = await world.ask(leaf, request);
    world.pass(290 * day);
    const second = await world.ask(first, request);
    assert.notEqual(serialOf(second), serialOf(first));
    await assert.rejects(
      world.ask(leaf, await estRequest({ kind: 'edge-ca', commonName: 'gw-1' })),
      refuses('csr-invalid', /gw-1/),
    );
  });

  it('names every certificate, however often a delivery is cut', async () => {
    const signed = new Set<string>();
    for (let call = 1; ; call++) {
      using world = await openEstWorld();
      const leaf = await world.bundleLeaf();
      const request = await estRequest();
      world.interruptAfter(call);
      const cut = await world.ask(leaf, request).then(
        () => false,
        (error: unknown) => error instanceof Interruption || assert.fail(String(error)),
      );
      world.interruptAfter(Number.POSITIVE_INFINITY);
      const reserved = world.record().renewals?.[0]?.serialNumber;
      // The delivery that was cut holds the request for some seconds.
      world.pass(20);
      const certificate = await world.ask(leaf, request);
      signed.add(serialOf(certificate));
      if (reserved !== undefined) assert.equal(serialOf(certificate), reserved);
      const names = certificatesOf(world.record()).map(({ serialNumber }) => serialNumber);
      assert.ok(names.includes(serialOf(certificate)));
      assert.equal(names.length, 2);
      if (!cut) break;
    }
    assert.ok(signed.size > 5);
  });

  it('gives nothing to a device that was blocked while its certificate was signed, and names the certificate', async () => {
    using world = await openEstWorld();
    const leaf = await world.bundleLeaf();
    const request = await estRequest();
    // 1 group, 2 record, 3 record again, 4 reservation, 5 audit: the certificate is signed next.
    world.pauseAfter(4, async () => {
      await blockDevice('gw-1', 'revoked', { by: 'Ann', reason: 'stolen' }, world.services());
    });
    await assert.rejects(world.ask(leaf, request), refuses('device-revoked', /stolen/));
    assert.ok(world.hasPaused());
    const [newest] = certificatesOf(world.record());
    assert.equal(newest?.state, 'revoked');
    assert.equal(newest?.request?.sha256.length, 64);
    await assert.rejects(world.ask(leaf, request), refuses('device-revoked', /stolen/));
  });

  it('limits how often a device asks', async () => {
    using world = await openEstWorld();
    const leaf = await world.bundleLeaf();
    for (let n = 0; n < 10; n++) await world.ask(leaf, await estRequest({ kind: 'est-id' }));
    await assert.rejects(
      world.ask(leaf, await estRequest({ kind: 'est-id' })),
      refuses('renewal-too-often', /10 certificates of kind "est-id"/),
    );
    world.pass(2 * day);
    await world.ask(leaf, await estRequest({ kind: 'est-id' }));
  });

  it('limits how many identities of a group are renewed at once, and not their first registrations', async () => {
    const ids = Array.from({ length: 4 }, (_, index) => `gw-${index + 1}`);
    using world = await openEstWorld(estGroup, ids);
    const window = () => Math.floor(world.now().getTime() / 660_000);
    for (let n = 0; n < 5500; n++) await world.renewalRate.count('line7', window());
    const leaf = await world.bundleLeaf();
    const first = await world.ask(leaf, await estRequest());
    world.register(first);
    await reconcileRegistrations(world.services());
    await assert.rejects(
      world.ask(first, await estRequest()),
      refuses('throttled', /more than 5500 identities in 11 minutes/),
    );
    world.pass(660);
    await world.ask(first, await estRequest());
  });

  it('signs est-ids by a CA that DPS does not know, where the group says so', async () => {
    using world = await openEstWorld({ ...estGroup, est: { url: 'fleet', identity: true, idCa: 'separate' } });
    const leaf = await world.bundleLeaf();
    const estId = await world.ask(leaf, await estRequest({ kind: 'est-id' }));
    assert.equal(estId.issuer, 'CN=line7 EST CA 1');
    const identity = await world.ask(estId, await estRequest());
    assert.equal(identity.issuer, leaf.issuer);
    const inDps = world.enrollments.entries.groups.get('line7');
    assert.ok(!JSON.stringify(inDps).includes('EST CA'));
  });

  it('spreads the ends of renewed certificates as those of the first ones', async () => {
    using world = await openEstWorld({ ...estGroup, validityDays: 100, validityJitterDays: 40 });
    const leaf = await world.bundleLeaf();
    const latest = world.now().getTime() + 100 * day * 1000;
    const end = Math.floor((latest - shareOf('gw-1') * 40 * day * 1000) / 1000) * 1000;
    assert.equal(leaf.validToDate.getTime(), end);
    for (const kind of ['est-id', 'identity', 'edge-ca'] as const) {
      const renewed = await world.ask(leaf, await estRequest({ kind }));
      assert.equal(renewed.validToDate.getTime(), end, kind);
    }
  });

  it('takes a request whose delivery was cut long ago for a new one', async () => {
    using world = await openEstWorld();
    const leaf = await world.bundleLeaf();
    const request = await estRequest();
    world.failOn('intent');
    await assert.rejects(world.ask(leaf, request), Interruption);
    const reserved = world.record().renewals?.[0];
    world.pass(300 * day);
    const certificate = await world.ask(leaf, request);
    assert.notEqual(serialOf(certificate), reserved?.serialNumber);
    assert.ok(certificate.validToDate.getTime() - world.now().getTime() > 300 * day * 1000);
  });

  it('answers the same request by the CA that DPS has, after a rollover is completed', async () => {
    using world = await openEstWorld();
    const leaf = await world.bundleLeaf();
    const request = await estRequest();
    const before = await world.ask(leaf, request);
    await world.services().groups.rollOver('line7');
    world.pass(30 * 60);
    const ports = { ...world.services(), devices: world.devices };
    await completeRollover('line7', { by: 'Ann', devicesLockedOut: 1 }, ports);
    world.pass(120);
    const after = await world.ask(leaf, request);
    assert.deepEqual([before.issuer, after.issuer], ['CN=line7 issuing CA 1', 'CN=line7 issuing CA 2']);
  });

  it('issues by the current CA after another change of the group', async () => {
    using world = await openEstWorld();
    const leaf = await world.bundleLeaf();
    await world.services().groups.rollOver('line7');
    world.pass(2 * day);
    await world.declare('line7', { ...estGroup, initialTwin: { tags: { ring: 'wide' } } });
    world.pass(1);
    assert.equal((await world.ask(leaf, await estRequest())).issuer, 'CN=line7 issuing CA 2');
  });

  it('gives the chain of the CA that issued, the issuing CA first, at a rollover too', async () => {
    using world = await openEstWorld();
    const leaf = await world.bundleLeaf();
    const chain = async () => {
      const [issuing, root] = await estCaCertificates({ label: 'line7~1', leaf }, world.services());
      assert.ok(root !== undefined);
      return issuing;
    };
    const old = await chain();
    await world.services().groups.rollOver('line7');
    world.pass(19);
    assert.equal(await chain(), old);
    assert.equal((await world.ask(leaf, await estRequest())).issuer, leaf.issuer);
    world.pass(1);
    // The other half of the pair was answered by the CA before.
    assert.equal(await chain(), old);
    const renewed = await world.ask(leaf, await estRequest());
    assert.equal(renewed.issuer, 'CN=line7 issuing CA 2');
    assert.notEqual(await chain(), old);
    assert.equal((await world.ask(renewed, await estRequest(), 'line7~2')).issuer, renewed.issuer);
  });

  it('knows a CA that is younger than the groups that this instance has read', async () => {
    using world = await openEstWorld();
    const leaf = await world.bundleLeaf();
    const instance = world.services();
    const chainAt = (label: string) => estCaCertificates({ label, leaf }, instance);
    await chainAt('line7~1');
    // Another instance.
    await world.services().groups.rollOver('line7');
    world.pass(2);
    assert.equal((await chainAt('line7~2')).length, 2);
    await assert.rejects(chainAt('line7~3'), refuses('renewal-refused', /no issuing CA 3/));
  });
});
