import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceCertificate } from '../../../lib/devices/certificate.ts';
import { planRenewal, renewalConfirmed, renewalIssued } from '../../../lib/devices/renewal-plan.ts';
import { someDevice } from '../../factories.ts';

/** 100 days. */
const validity = { notBefore: '2027-01-01T00:00:00.000Z', notAfter: '2027-04-11T00:00:00.000Z' };
const policy = { threshold: '80%', retry: '4%' };
const identity = { sha1Thumbprint: 'A'.repeat(40), sha256Thumbprint: 'A'.repeat(64), ...validity };

describe('the plan of a renewal', () => {
  for (const { threshold, retry, renewsAt, lateAt } of [
    { ...policy, renewsAt: '2027-03-22T00:00:00.000Z', lateAt: '2027-03-30T00:00:00.000Z' },
    { threshold: '10day', retry: '90min', renewsAt: '2027-04-01T00:00:00.000Z', lateAt: '2027-04-01T03:00:00.000Z' },
    { threshold: '30min', retry: '1day', renewsAt: '2027-04-10T23:30:00.000Z', lateAt: validity.notAfter },
    { threshold: '999day', retry: '1day', renewsAt: validity.notBefore, lateAt: '2027-01-03T00:00:00.000Z' },
  ]) {
    it(`renews at ${threshold}, and is late after two retries of ${retry}`, () => {
      const dueDay = renewsAt.slice(0, 10);
      assert.deepEqual(planRenewal({ threshold, retry }, validity), { threshold, retry, renewsAt, dueDay, lateAt });
    });
  }

  const before = someDevice({ status: 'assigned', identity, renewal: planRenewal(policy, validity) });
  const renewedAt = '2027-03-22T00:00:00.000Z';
  const renewed = { notBefore: renewedAt, notAfter: '2027-06-30T00:00:00.000Z' };

  it('makes a device late that does not register with its renewed identity', () => {
    const plan = renewalIssued(before, renewed, renewedAt);
    assert.equal(plan?.dueDay, '2027-06-10');
    assert.equal(plan?.lateAt, '2027-03-30T00:00:00.000Z');
    const unconfirmed = { ...before, renewal: plan, unconfirmedSince: renewedAt };
    // The retry of the device gives it another identity, and no more time.
    const retried = { notBefore: '2027-03-26T00:00:00.000Z', notAfter: '2027-07-04T00:00:00.000Z' };
    assert.equal(renewalIssued(unconfirmed, retried, retried.notBefore)?.lateAt, plan?.lateAt);
  });

  it('gives no more time than the certificate before has', () => {
    const late = '2027-04-10T00:00:00.000Z';
    assert.equal(renewalIssued(before, { ...renewed, notBefore: late }, late)?.lateAt, validity.notAfter);
  });

  it('counts from the renewed identity when a registration confirms it', () => {
    const renewal = renewalIssued(before, renewed, renewedAt);
    const first = { ...before, identity: { ...identity, ...renewed }, renewal, unconfirmedSince: renewedAt };
    assert.equal(renewalConfirmed(first, renewedAt).renewal?.confirmedDay, undefined);
    const former: DeviceCertificate = {
      ...{ kind: 'identity', serialNumber: '02'.repeat(16), ...identity, enrollmentGroup: 'line7' },
      ...{ state: 'superseded', since: renewedAt, confirmedAt: validity.notBefore },
    };
    const waiting = { ...first, certificates: [former] };
    const confirmed = renewalConfirmed(waiting, '2027-03-22T00:01:00.000Z');
    assert.equal(confirmed.unconfirmedSince, undefined);
    assert.deepEqual(confirmed.renewal, { ...planRenewal(policy, renewed), confirmedDay: '2027-03-22' });
    assert.equal(renewalIssued(confirmed, renewed, renewedAt)?.confirmedDay, '2027-03-22');
    assert.equal(renewalConfirmed(confirmed, renewedAt), confirmed);
  });

  it('has none for a device whose bundle does not renew', () => {
    const { renewal: _, ...other } = before;
    assert.equal(renewalIssued(other, renewed, renewedAt), undefined);
  });
});
