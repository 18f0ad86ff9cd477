import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceCertificate } from '../../../lib/devices/certificate.ts';
import {
  certificatesOf,
  formerIdentities,
  inheritedCertificateNames,
  revokeAll,
  supersedeOthers,
  withIssued,
} from '../../../lib/devices/certificates.ts';
import { someDevice, someTime } from '../../factories.ts';

const at = someTime.toISOString();

function certificate(index: number, change: Partial<DeviceCertificate> = {}): DeviceCertificate {
  return {
    kind: 'identity',
    serialNumber: `s${index}`,
    sha1Thumbprint: `A${index}`,
    sha256Thumbprint: `B${index}`,
    notBefore: '2026-11-20T08:00:00.000Z',
    notAfter: '2027-11-20T08:00:00.000Z',
    enrollmentGroup: 'line7',
    state: 'live',
    since: at,
    ...change,
  };
}

/** A record whose device was issued certificates 1 to `count`. */
function issuedTimes(count: number, change: Partial<DeviceCertificate> = {}) {
  let record = someDevice();
  for (let index = 1; index <= count; index++) {
    const issued = certificate(index, change);
    const { serialNumber, ...identity } = issued;
    const predecessor = { ...record, serialNumber, identity };
    const certificates = supersedeOthers(withIssued(certificatesOf(record), [issued], at), serialNumber, at);
    record = { ...predecessor, certificates, formerCertificateNames: inheritedCertificateNames(record) };
  }
  return record;
}

describe('the certificates of a device', () => {
  it('are all named until they expire', () => {
    const record = issuedTimes(60);
    assert.equal(record.certificates?.length, 60);
    assert.deepEqual(
      record.certificates.filter(({ state }) => state === 'live').map((each) => each.serialNumber),
      ['s60'],
    );
    for (const name of ['s1', 'a1', 'b1', 's59', 'b59']) assert.ok(record.formerCertificateNames?.includes(name), name);
    assert.equal(formerIdentities(record).length, 59);
  });

  it('are bounded once they have expired', () => {
    const record = issuedTimes(60, { notAfter: '2026-11-22T08:00:00.000Z' });
    assert.equal(record.certificates?.length, 20);
    assert.equal(record.certificates[0]?.serialNumber, 's60');
    // Of the 19 former ones, and ten more.
    assert.ok((record.formerCertificateNames?.length ?? 0) <= 3 * 20 + 30);
  });

  it('have a serial number that was reserved and never used among their names, for the latest 30', () => {
    let record = someDevice({ serialNumber: 'AB' });
    for (let index = 1; index <= 40; index++) {
      record = someDevice({ serialNumber: `s${index}`, formerCertificateNames: inheritedCertificateNames(record) });
    }
    assert.equal(record.formerCertificateNames?.length, 31);
    assert.equal(record.formerCertificateNames?.at(-1), 's39');
  });

  it('stay revoked since when they were', () => {
    const revoked = revokeAll([certificate(1), certificate(2, { state: 'revoked', since: 'before' })], at);
    assert.deepEqual(
      revoked.map(({ state, since }) => [state, since]),
      [
        ['revoked', at],
        ['revoked', 'before'],
      ],
    );
  });

  it('are read from records of earlier versions', () => {
    const { kind: _kind, state: _state, enrollmentGroup: _group, since: _since, ...former } = certificate(1);
    const { serialNumber, sha1Thumbprint, sha256Thumbprint, notBefore, notAfter } = certificate(2);
    const record = someDevice({
      serialNumber,
      identity: { sha1Thumbprint, sha256Thumbprint, notBefore, notAfter },
      formerCertificates: [{ ...former, status: 'superseded', since: 'then', assignedHub: 'hub' }],
      status: 'assigned',
    });
    assert.deepEqual(certificatesOf(record), [
      certificate(2, { since: record.statusSince }),
      certificate(1, { state: 'superseded', since: 'then', assignedHub: 'hub' }),
    ]);
    assert.equal(certificatesOf({ ...record, status: 'deleted' })[0]?.state, 'revoked');
    assert.equal(certificatesOf({ ...record, status: 'failed' })[0]?.state, 'superseded');
  });
});
