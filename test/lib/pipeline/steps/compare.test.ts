import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceCertificate } from '../../../../lib/devices/certificate.ts';
import { formerCertificateNames } from '../../../../lib/devices/certificates.ts';
import type { DeviceRecord } from '../../../../lib/devices/device.ts';
import { compare } from '../../../../lib/pipeline/steps/compare.ts';
import { someDevice } from '../../../factories.ts';

const wanted = someDevice({ claim: { jobId: 'b'.repeat(24), chunk: 3, line: 17, attempt: 1 }, contentHash: 'new' });
const other = { jobId: 'a'.repeat(24), chunk: 0, line: 2, attempt: 1 };

describe('a row meets a record of its device', () => {
  const cases: [string, Partial<DeviceRecord>, string][] = [
    ['its own claim of an earlier delivery', { claim: wanted.claim, status: 'claimed' }, 'ours'],
    ['its own record, finished', { claim: wanted.claim, status: 'provisioned' }, 'ours'],
    ['its own record, already at a hub', { claim: wanted.claim, status: 'assigned' }, 'ours'],
    [
      'its own failure in another delivery',
      { claim: wanted.claim, status: 'failed', failure: { code: 'group-refused', message: 'no' } },
      'settled',
    ],
    ['its failure of an earlier attempt', { claim: { ...wanted.claim, attempt: 0 }, status: 'failed' }, 'take-over'],
    ['its claim of an earlier attempt', { claim: { ...wanted.claim, attempt: 0 }, status: 'claimed' }, 'take-over'],
    [
      'its success of an earlier attempt',
      { claim: { ...wanted.claim, attempt: 0 }, status: 'provisioned' },
      'unchanged',
    ],
    ['its claim of a later attempt', { claim: { ...wanted.claim, attempt: 2 }, status: 'claimed' }, 'chunk-superseded'],
    [
      'another line of this manifest',
      { claim: { ...wanted.claim, line: 4 }, status: 'provisioned' },
      'device-id-duplicate',
    ],
    ['a line of this manifest that failed', { claim: { ...wanted.claim, line: 4 }, status: 'failed' }, 'take-over'],
    ['a device that failed in another job', { claim: other, status: 'failed' }, 'take-over'],
    ['a device that another job is at', { claim: other, status: 'claimed', contentHash: 'new' }, 'device-busy'],
    ['the same content', { claim: other, status: 'provisioned', contentHash: 'new' }, 'unchanged'],
    ['the same content at a hub', { claim: other, status: 'assigned', contentHash: 'new' }, 'unchanged'],
    ['other content', { claim: other, status: 'provisioned', contentHash: 'old' }, 'device-exists'],
  ];
  for (const [what, record, verdict] of cases) {
    it(`${what}: ${verdict}`, () => {
      const comparison = compare(someDevice(record), wanted, 'reject');
      assert.equal(comparison.verdict === 'refused' ? comparison.code : comparison.verdict, verdict);
    });
  }

  it('the same content with onConflict=reissue: take-over, but not from another job at work, nor from its own rows', () => {
    const verdictOn = (record: Partial<DeviceRecord>) => compare(someDevice(record), wanted, 'reissue').verdict;
    assert.equal(verdictOn({ claim: other, status: 'assigned', contentHash: 'new' }), 'take-over');
    assert.equal(verdictOn({ claim: other, status: 'claimed', contentHash: 'new' }), 'refused');
    assert.equal(verdictOn({ claim: { ...wanted.claim, line: 4 }, status: 'provisioned' }), 'refused');
    assert.equal(verdictOn({ claim: wanted.claim, status: 'provisioned' }), 'ours');
  });

  it('other content, where the job replaces: take-over', () => {
    const record = someDevice({ claim: other, status: 'assigned', contentHash: 'old' });
    assert.equal(compare(record, wanted, 'replace').verdict, 'take-over');
  });

  it('a device with 1,000 certificates that have not expired: refused, until one expires', () => {
    const holding = (count: number) => someDevice({ claim: other, status: 'assigned', certificates: longest(count) });
    const full = compare(holding(1000), wanted, 'reissue');
    assert.ok(full.verdict === 'refused' && full.code === 'certificate-rule');
    assert.match(full.message, /1000 certificates that have not expired.*expires at 2126-01-01/);
    assert.equal(compare(holding(999), wanted, 'reissue').verdict, 'take-over');
    const later = { ...wanted, statusSince: '2126-01-02T00:00:00.000Z' };
    assert.equal(compare(holding(1000), later, 'reissue').verdict, 'take-over');
  });

  it('a record with as many certificates as a row may add to is smaller than an item of Cosmos DB', () => {
    const certificates = longest(1001);
    const record = { ...someDevice(), certificates };
    const whole = { ...record, formerCertificateNames: formerCertificateNames(record) };
    assert.ok(Buffer.byteLength(JSON.stringify(whole)) < 1_200_000);
  });
});

/** Certificates with each member as long as it can be. */
function longest(count: number): DeviceCertificate[] {
  const at = '2026-11-27T00:00:00.000Z';
  return Array.from({ length: count }, (_, index) => {
    const hex = (digits: number) => index.toString(16).toUpperCase().padStart(digits, '0');
    return {
      kind: 'edge-ca',
      serialNumber: hex(32),
      sha1Thumbprint: hex(40),
      sha256Thumbprint: hex(64),
      notBefore: at,
      notAfter: '2126-01-01T00:00:00.000Z',
      issuedWith: hex(32),
      enrollmentGroup: 'g'.repeat(64),
      caGeneration: 9999,
      keyMadeBy: 'service',
      state: 'superseded',
      since: at,
      confirmedAt: at,
      registeredAt: at,
      assignedHub: `${'h'.repeat(50)}.azure-devices.net`,
      unusedBundle: { archive: `${'a'.repeat(24)}/chunk-00000-9999.zip`, fileName: `${'d'.repeat(64)}.tar.gz.cms` },
    };
  });
}
