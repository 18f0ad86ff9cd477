import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceCertificate, Renewal } from '../../../lib/devices/certificate.ts';
import { certificatesOf } from '../../../lib/devices/certificates.ts';
import type { DeviceRecord, DeviceStatus } from '../../../lib/devices/device.ts';
import { renewed, reserved } from '../../../lib/devices/renewal.ts';
import { someDevice } from '../../factories.ts';

const at = '2026-11-23T08:00:00.000Z';
const life = { notBefore: '2026-11-22T20:00:00.000Z', notAfter: '2027-11-23T08:00:00.000Z' };
const thumbprints = { sha1Thumbprint: 'A'.repeat(40), sha256Thumbprint: 'A'.repeat(64) };

const held: DeviceCertificate = {
  ...{ kind: 'identity', serialNumber: '41'.repeat(16), ...life, ...thumbprints },
  ...{ enrollmentGroup: 'line7', state: 'live', since: at, confirmedAt: at },
};
const renewal: Renewal = {
  ...{ kind: 'identity', requestSha256: 'c'.repeat(64), serialNumber: '42'.repeat(16), enrollmentGroup: 'line7' },
  ...{ caGeneration: 1, reservedAt: at, workSince: at, ...life },
};
const issued = {
  ...{ certificatePem: 'a certificate', ...life },
  ...{ sha1Thumbprint: 'B'.repeat(40), sha256Thumbprint: 'B'.repeat(64) },
};

/** A device that waits for the answer to its request, and what became of it meanwhile. */
function waiting(change: Partial<DeviceRecord> = {}): DeviceRecord {
  const { serialNumber } = held;
  const device = someDevice({
    status: 'assigned',
    serialNumber,
    identity: { ...life, ...thumbprints },
    certificates: [held],
  });
  return { ...reserved(device, renewal), ...change };
}

const states = (record: DeviceRecord) =>
  certificatesOf(record).map(({ state, serialNumber }) => `${serialNumber.slice(0, 2)} ${state}`);

describe('renewed', () => {
  it('makes the certificate the present one, and leaves the one before', () => {
    const record = renewed(waiting(), renewal, issued, at);
    assert.deepEqual(states(record), ['42 live', '41 live']);
    assert.equal(record.serialNumber, renewal.serialNumber);
    assert.equal(record.unconfirmedSince, at);
  });

  const meanwhile: [string, Partial<DeviceRecord>, string][] = [
    ...(['claimed', 'closing', 'suspended', 'opening', 'failed', 'deleting'] as const).map(
      (status: DeviceStatus): [string, Partial<DeviceRecord>, string] => [status, { status }, 'superseded'],
    ),
    ...(['revoked', 'scrapped', 'deleted'] as const).map(
      (status: DeviceStatus): [string, Partial<DeviceRecord>, string] => [status, { status }, 'revoked'],
    ),
    ['in another group', { enrollmentGroup: 'line8' }, 'superseded'],
    ['given another certificate', { renewals: [{ ...renewal, serialNumber: '43'.repeat(16) }] }, 'superseded'],
  ];
  for (const [what, change, state] of meanwhile) {
    it(`only names the certificate of a device that is ${what} by now`, () => {
      const before = waiting(change);
      const record = renewed(before, renewal, issued, at);
      assert.deepEqual(states(record), [`42 ${state}`, '41 live']);
      const { serialNumber, identity, unconfirmedSince } = record;
      assert.deepEqual(
        { serialNumber, identity, unconfirmedSince },
        { serialNumber: before.serialNumber, identity: before.identity, unconfirmedSince: undefined },
      );
      assert.equal(certificatesOf(record)[0]?.enrollmentGroup, 'line7');
      assert.ok(record.formerCertificateNames?.includes(renewal.serialNumber));
      assert.ok(!record.renewals?.some(({ certificatePem }) => certificatePem !== undefined));
    });
  }
});
