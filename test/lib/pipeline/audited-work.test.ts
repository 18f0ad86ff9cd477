import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ArchiveMatcher } from '../../../cli/operator/archives.ts';
import type { AuditEntry } from '../../../lib/audit/entry.ts';
import { blockDevice, restoreDevice } from '../../../lib/pipeline/block-device.ts';
import { createDriftDetector } from '../../../lib/pipeline/detect-drift.ts';
import { beginFleetAct, continueFleetAct, type FleetActRequest } from '../../../lib/pipeline/fleet-acts.ts';
import { reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import { recordDeadLetter } from '../../../lib/pipeline/record-dead-letter.ts';
import { continueBlock } from '../../../lib/pipeline/settle-block.ts';
import { someTime } from '../../factories.ts';
import { createMemoryDeadLetterStore } from '../../memory/dead-letter-store.ts';
import { createWorld, registerAt, type World } from '../../world.ts';

/* The entries of work that has no request: messages and timers. */

const hub = 'hub.azure-devices.net';
const asked = { by: 'Ada', reason: 'stolen' };
const actId = 'a'.repeat(24);

/** A world with devices gw-1 and gw-2 that are at a hub, and a clock. */
async function openWorld(group = {}) {
  let time = someTime.getTime();
  const world = createWorld({ now: () => new Date(time) });
  await world.declare('line7', { keyCustody: 'plain', ...group });
  await world.upload('list.csv', 'deviceId,enrollmentGroup\ngw-1,line7\ngw-2,line7\n');
  await world.settle();
  await registerAt(hub, world, ['gw-1', 'gw-2']);
  const issued = [...world.audit.entries];
  world.audit.entries.length = 0;
  const later = (seconds: number) => {
    time += seconds * 1000;
  };
  const entriesOf = (action: string) => world.audit.entries.filter((entry) => entry.action === action);
  return Object.assign(world, { later, entriesOf, issued });
}

describe('in the audit trail', () => {
  it('each device of an act on many has its entries, by the operator who asked', async () => {
    using world = await openWorld();
    const request: FleetActRequest = { kind: 'scrap', filter: { enrollmentGroup: 'line7' }, ...asked };
    await beginFleetAct(actId, request, world.services());
    world.blockMessages.length = 0;
    await continueFleetAct(actId, world.services());
    // An act works on several devices at once: the order of their entries is not fixed.
    const entries = world.entriesOf('delete-device');
    for (const deviceId of ['gw-1', 'gw-2']) {
      const own = entries.filter(({ subject }) => subject['deviceId'] === deviceId);
      assert.deepEqual(
        own.map(({ phase, by, why, outcome }) => [phase, by, why, outcome]),
        [
          ['intent', 'Ada', 'stolen', undefined],
          ['result', 'Ada', 'stolen', 'done'],
        ],
      );
      assert.deepEqual(own[0]?.details, { deviceAct: actId });
    }
    assert.equal(entries.length, 4);
    // Their bundles are erased, and verify knows why.
    const matcher = new ArchiveMatcher();
    for (const entry of [...world.issued, ...world.audit.entries])
      matcher.note({ v: 1, at: someTime.toISOString(), ...entry } as AuditEntry);
    const listed = await Array.fromAsync(world.bundles.list(''));
    assert.deepEqual((await matcher.match(world.bundles, listed)).findings, []);
  });

  it('an act on many takes rights away while there are no entries, and gives none back', async () => {
    using world = await openWorld();
    const suspend: FleetActRequest = { kind: 'suspend', filter: { enrollmentGroup: 'line7' }, ...asked };
    await beginFleetAct(actId, suspend, world.services());
    world.audit.stop();
    await continueFleetAct(actId, world.services());
    const statuses = () => [...world.devices.records.values()].map(({ status }) => status);
    assert.deepEqual(statuses(), ['suspended', 'suspended']);
    const restoreId = 'b'.repeat(24);
    await beginFleetAct(restoreId, { ...suspend, kind: 'restore' }, world.services());
    await assert.rejects(continueFleetAct(restoreId, world.services()), { code: 'unavailable' });
    assert.deepEqual(statuses(), ['suspended', 'suspended']);
    world.audit.start();
    await continueFleetAct(restoreId, world.services());
    assert.deepEqual(world.entriesOf('restore-device').length, 4);
  });

  it('the second look at the doors of a device has entries, and an open door is closed without them', async () => {
    using world = await openWorld();
    await blockDevice('gw-1', 'revoked', asked, world.services());
    world.later(90);
    world.identities.devices.set(`${hub}/gw-1`, { status: 'enabled' });
    world.audit.stop();
    await continueBlock('gw-1', world.services());
    assert.equal(world.identities.devices.get(`${hub}/gw-1`)?.status, 'disabled');
    world.audit.start();
    world.later(90);
    await continueBlock('gw-1', world.services());
    const [intent, result] = world.entriesOf('settle-device');
    assert.deepEqual(intent?.subject, { deviceId: 'gw-1' });
    assert.deepEqual([intent.by, intent.why], ['service', 'stolen']);
    assert.deepEqual(intent.details, { status: 'revoked', kind: 'revoked', askedBy: 'Ada' });
    assert.deepEqual([result?.outcome, result?.details], ['done', { status: 'revoked', notYet: [] }]);
    await continueBlock('gw-1', world.services());
    assert.equal(world.entriesOf('settle-device').length, 2, 'no step, no entry');
  });

  it('doors are not opened without entries', async () => {
    using world = await openWorld();
    await blockDevice('gw-1', 'suspended', asked, world.services());
    await restoreDevice('gw-1', { by: 'Ben', reason: 'found' }, world.services());
    world.later(90);
    world.audit.stop();
    await assert.rejects(continueBlock('gw-1', world.services()), { code: 'unavailable' });
  });

  it('the enrollments that a declaration reaches later have entries', async () => {
    const individual = { keyCustody: 'plain', enrollment: 'individual' } as const;
    using world = await openWorld(individual);
    await world.declare('line7', { ...individual, provisioningStatus: 'disabled' });
    world.audit.stop();
    await reconcileRegistrations(world.services());
    const isDisabled = () => world.enrollments.entries.individuals.get('gw-1')?.disabled ?? false;
    assert.equal(isDisabled(), true);
    await world.declare('line7', individual);
    await reconcileRegistrations(world.services());
    assert.equal(isDisabled(), true, 'rights are not given without an entry');
    world.audit.start();
    await reconcileRegistrations(world.services());
    assert.equal(isDisabled(), false);
    const [intent, result] = world.entriesOf('reach-enrollments');
    assert.deepEqual(intent?.subject, { enrollmentGroup: 'line7' });
    assert.deepEqual(intent.details, { provisioningStatus: 'enabled' });
    assert.deepEqual(result?.details, { enrollments: 2 });
  });

  it('work that is given up has entries with its job, and ends without them too', async () => {
    using world: World = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    await world.upload('list.csv', 'deviceId,enrollmentGroup\ngw-1,line7\n');
    await world.queue.shift()?.run();
    const [chunk] = world.queue;
    const { jobId } = (chunk?.message ?? assert.fail()) as { jobId: string };
    const deadLetters = createMemoryDeadLetterStore();
    world.audit.entries.length = 0;
    const body = JSON.stringify(chunk?.message);
    const { code } = await recordDeadLetter('chunks', body, { ...world.services(), deadLetters });
    const [intent, result] = world.audit.entries;
    assert.deepEqual([intent?.action, intent?.by, intent?.details], ['abandon-work', 'service', { code }]);
    assert.match(String(intent?.subject['letterId']), /^[0-9a-f]{32}$/);
    assert.deepEqual(result?.details, { jobId, chunk: 0, attempt: 1 });
    world.audit.stop();
    await recordDeadLetter('chunks', body, { ...world.services(), deadLetters });
  });

  it('the repairs of a sweep have entries; those that close a door do not wait for them', async () => {
    using world = await openWorld();
    world.enrollments.entries.groups.clear();
    world.enrollments.groups.clear();
    const observe = () => createDriftDetector(world.services());
    const at = () => {
      world.later(1);
      return new Date(someTime.getTime() + 1_000_000_000).toISOString();
    };
    world.audit.stop();
    await observe()({ of: 'groups', at: at(), groups: new Map(), dps: 'default' });
    assert.equal(world.enrollments.groups.has('line7'), false);
    world.audit.start();
    await observe()({ of: 'groups', at: at(), groups: new Map(), dps: 'default' });
    assert.equal(world.enrollments.groups.has('line7'), true);
    const [intent, result] = world.entriesOf('repair-finding');
    assert.equal(intent?.by, 'sweep');
    assert.deepEqual([intent.subject['kind'], intent.subject['enrollmentGroup']], ['group-missing', 'line7']);
    assert.equal(result?.outcome, 'done');
  });
});
