import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceRecord } from '../../../lib/devices/device.ts';
import { planRenewal } from '../../../lib/devices/renewal-plan.ts';
import { compareDevice } from '../../../lib/findings/compare-device.ts';
import { endUnseen } from '../../../lib/pipeline/end-unseen.ts';
import { keepFindings } from '../../../lib/pipeline/keep-findings.ts';
import { noteFrequentRenewal } from '../../../lib/pipeline/note-frequent-renewal.ts';
import { someDevice } from '../../factories.ts';
import { createWorld } from '../../world.ts';

/** 100 days: renews on 2027-03-22, late on 2027-03-30. */
const validity = { notBefore: '2027-01-01T00:00:00.000Z', notAfter: '2027-04-11T00:00:00.000Z' };
const identity = { sha1Thumbprint: 'A'.repeat(40), sha256Thumbprint: 'A'.repeat(64), ...validity };
const renewal = planRenewal({ threshold: '80%', retry: '4%' }, validity);
const due = someDevice({ status: 'assigned', identity, renewal });
const subject = { type: 'device', id: due.id, enrollmentGroup: due.enrollmentGroup } as const;

function lateAmong(record: DeviceRecord, at: string) {
  const { differences, decided } = compareDevice({ record, group: undefined, seen: { deviceId: record.id }, at });
  assert.ok(decided.includes('renewal-late'));
  return differences.filter(({ kind }) => kind === 'renewal-late');
}

describe('a device that does not renew', () => {
  it('is found when two retries have failed, and not before', () => {
    assert.deepEqual(lateAmong(due, '2027-03-29T23:59:59.999Z'), []);
    const seen = { serialNumber: due.serialNumber, notAfter: identity.notAfter, lateSince: renewal.lateAt };
    const found = { kind: 'renewal-late', expected: { renewedAt: renewal.renewsAt }, seen, subject };
    assert.deepEqual(lateAmong(due, '2027-03-30T00:00:00.000Z'), [found]);
  });

  it('is found when it got an identity and did not register with it', () => {
    const unconfirmed = { ...due, unconfirmedSince: '2027-03-22T00:00:00.000Z' };
    const [found] = lateAmong(unconfirmed, renewal.lateAt);
    assert.deepEqual(found?.expected, { registeredWith: due.serialNumber });
    assert.equal(found?.seen['unconfirmedSince'], unconfirmed.unconfirmedSince);
  });

  it('is not found before it has registered, when it is revoked, or when its bundle does not renew', () => {
    const { renewal: _, ...byHand } = due;
    for (const record of [{ ...due, status: 'provisioned' }, { ...due, status: 'revoked' }, byHand] as const) {
      assert.deepEqual(lateAmong(record, validity.notAfter), []);
    }
  });

  it('is announced once per certificate, and its finding ends when it has renewed', async () => {
    using world = createWorld();
    const keep = (record: DeviceRecord, at: string) =>
      keepFindings([{ subject, decided: ['renewal-late'], differences: lateAmong(record, at) }], at, world.findings);
    assert.equal((await keep(due, '2027-03-30T00:00:00.000Z')).opened, 1);
    assert.equal((await keep(due, '2027-03-31T00:00:00.000Z')).opened, 0);
    const [kept] = await world.findings.ofSubjects([subject]);
    const owed = kept?.value.outbox?.map(({ type }) => type);
    assert.deepEqual(owed, ['fleet.finding.opened', 'fleet.device.late']);
    const late = kept?.value.outbox?.find(({ type }) => type === 'fleet.device.late');
    assert.equal(late?.subject, `devices/${due.id}`);
    assert.equal(late?.data['notAfter'], identity.notAfter);

    const renewed = { ...due, renewal: { ...renewal, lateAt: '2027-07-08T00:00:00.000Z' } };
    assert.equal((await keep(renewed, '2027-04-01T00:00:00.000Z')).gone, 1);
    // The same certificate again, when its event was sent: the same event, which consumers have already.
    const gone = (await world.findings.read(kept?.value.id ?? '')) ?? assert.fail();
    const { outbox: _outbox, owedSince: _owedSince, ...sent } = gone.value;
    await world.findings.replace({ ...gone, value: sent });
    assert.equal((await keep(due, '2027-04-02T00:00:00.000Z')).opened, 1);
    const [again] = await world.findings.ofSubjects([subject]);
    const events = again?.value.outbox?.filter(({ type }) => type === 'fleet.device.late');
    assert.deepEqual(events, [late]);
  });
});

describe('a device that asks for certificates too often', () => {
  const refused = { record: due, kind: 'identity', limit: 10 };

  it('has one finding, which is not written at each refusal', async () => {
    using world = createWorld();
    let time = new Date('2027-03-22T00:00:00.000Z');
    const ports = { findings: world.findings, now: () => time };
    await noteFrequentRenewal(refused, ports);
    const [first] = await world.findings.ofSubjects([subject]);
    assert.equal(first?.value.kind, 'renews-too-often');
    time = new Date('2027-03-22T00:59:00.000Z');
    await noteFrequentRenewal(refused, ports);
    const [same] = await world.findings.ofSubjects([subject]);
    assert.equal(same?.etag, first?.etag);
    time = new Date('2027-03-22T01:00:00.000Z');
    await noteFrequentRenewal(refused, ports);
    const [later, ...others] = await world.findings.ofSubjects([subject]);
    assert.equal(later?.value.lastSeen, time.toISOString());
    assert.deepEqual(others, []);
  });

  it('loses it when it was not refused for a day', async () => {
    using world = createWorld();
    await world.devices.create([due]);
    const refusedAt = '2027-03-22T00:00:00.000Z';
    await noteFrequentRenewal(refused, { findings: world.findings, now: () => new Date(refusedAt) });
    const endedBy = async (at: string) => {
      let [gone, place]: [number, string | undefined] = [0, undefined];
      do {
        const part = await endUnseen({ of: 'end', at, began: at, dps: 'default', place }, world.services());
        gone += part.gone;
        place = part.next;
      } while (place !== undefined);
      return gone;
    };
    assert.equal(await endedBy('2027-03-22T23:59:59.999Z'), 0);
    assert.equal(await endedBy('2027-03-23T00:00:00.000Z'), 1);
  });
});
