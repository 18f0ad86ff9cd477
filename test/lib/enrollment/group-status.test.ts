import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { it } from 'node:test';
import { groupStatus } from '../../../lib/enrollment/group-status.ts';
import { createWorld, type World } from '../../world.ts';

/* A group that DPS has is not enrolled while DPS would refuse its devices. */

async function declared(world: World) {
  const { group } = await world.declare('line7', { keyCustody: 'plain' });
  const root = (await world.groupStore.readRoot())?.value ?? assert.fail();
  return { group, root };
}

const seenAt = '2026-11-25T00:00:00.000Z';
const listed = (pem: string, isVerified: boolean) => {
  const sha1Thumbprint = new X509Certificate(pem).fingerprint.replaceAll(':', '');
  return { seenAt, certificates: [{ name: 'their-root', sha1Thumbprint, isVerified }] };
};

it('a group is pending until DPS is known to trust its CA, and says what to do', async () => {
  using world = createWorld();
  const { group, root } = await declared(world);
  const unknown = groupStatus(group, { root });
  assert.deepEqual([unknown.status, unknown.reason?.code], ['pending', 'ca-unregistered']);
  assert.match(unknown.reason?.message ?? '', /not known whether DPS has.*fleet ca check/);
  const unverified = groupStatus(group, { root, lists: new Map([['default', listed(root.certificatePem, false)]]) });
  assert.match(unverified.reason?.message ?? '', /as their-root, not verified, at 2026-11-25/);
  assert.equal(
    groupStatus(group, { root, lists: new Map([['default', { seenAt, certificates: [] }]]) }).status,
    'pending',
  );
});

it('a group is enrolled once its root is registered, or an operator saw it verified', async () => {
  using world = createWorld();
  const { group, root } = await declared(world);
  assert.equal(
    groupStatus(group, { root, lists: new Map([['default', listed(root.certificatePem, true)]]) }).status,
    'enrolled',
  );
  const registration = { name: 'fleet-root', at: seenAt };
  assert.equal(groupStatus(group, { root: { ...root, registration } }).status, 'enrolled');
  // The CA of the group itself will do.
  assert.equal(
    groupStatus(group, { root, lists: new Map([['default', listed(group.issuingCas[0]?.certificatePem ?? '', true)]]) })
      .status,
    'enrolled',
  );
});

it('a group whose CA has another root is pending, though the root of the fleet is registered', async () => {
  using world = createWorld();
  using elsewhere = createWorld();
  const { group } = await declared(elsewhere);
  const { root } = await declared(world);
  const registered = { ...root, registration: { name: 'fleet-root', at: seenAt } };
  assert.equal(groupStatus(group, { root: registered }).status, 'pending');
  assert.equal(groupStatus(group, {}).status, 'pending');
});

it('a group that is deleted says so', async () => {
  using world = createWorld();
  const { group } = await declared(world);
  assert.equal(groupStatus({ ...group, deleting: { by: 'Ann', at: seenAt } }).status, 'deleting');
});
