import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { caEnding, deviceNoticeDays, expiringCertificates } from '../../../lib/authorities/expiry.ts';
import type { GroupRecord } from '../../../lib/groups/group.ts';
import { someGroup, someTime } from '../../factories.ts';
import { someRoot } from '../pki/some-authority.ts';

const inDays = (days: number) => new Date(someTime.getTime() + days * 24 * 60 * 60 * 1000).toISOString();

function group(id: string, ...notAfter: string[]): GroupRecord {
  const issuingCas = notAfter.map((end, index) => {
    const generation = notAfter.length - index;
    return { certificatePem: '', chainPem: [], generation, keyName: `issuing-${id}-${generation}`, notAfter: end };
  });
  const at = someTime.toISOString();
  return { id, definition: someGroup(id), issuingCas, createdAt: at, updatedAt: at };
}

describe('expiringCertificates', () => {
  it('returns groups whose issuing CA expires within the notice, and how many days are left', () => {
    const groups = [group('line7', inDays(59.5)), group('line8', inDays(60.5)), group('line9')];
    assert.deepEqual(expiringCertificates(groups, someTime, 60), [
      { group: 'line7', certificate: 'issuing CA', notAfter: inDays(59.5), days: 59 },
    ]);
  });

  it('looks at the current CA, not at the one before it', () => {
    assert.deepEqual(expiringCertificates([group('line7', inDays(3000), inDays(10))], someTime, 60), []);
  });

  it('has negative days for a CA that has expired', () => {
    assert.equal(expiringCertificates([group('line7', inDays(-1.5))], someTime, 60)[0]?.days, -2);
  });

  it('has the CAs above it too', async () => {
    const { certificatePem } = await someRoot();
    const record = group('line7', inDays(3000));
    const issuingCas = record.issuingCas.map((ca) => ({ ...ca, chainPem: [certificatePem] }));
    assert.deepEqual(expiringCertificates([{ ...record, issuingCas }], someTime, 10_951), [
      { group: 'line7', certificate: 'issuing CA', notAfter: inDays(3000), days: 3000 },
      { group: 'line7', certificate: 'chain', notAfter: inDays(10_950), days: 10_950 },
    ]);
  });
});

describe('the event of a CA that ends', () => {
  it('says which CA of which group ends when', () => {
    const ending = { group: 'line7', certificate: 'issuing CA', notAfter: inDays(6.5), days: 6 } as const;
    const { type, subject, time, data } = caEnding(ending, someTime);
    assert.deepEqual([type, subject, time], ['fleet.ca.ending', 'enrollment-groups/line7', someTime.toISOString()]);
    const links = { group: '/api/enrollment-groups/line7' };
    assert.deepEqual(data, {
      enrollmentGroup: 'line7',
      certificate: 'issuing CA',
      notAfter: inDays(6.5),
      days: 6,
      links,
    });
  });
});

describe('the notice of a device certificate', () => {
  it('is the last tenth of its life, at most 30 days', () => {
    for (const [validityDays, days] of [
      [1, 0.1],
      [90, 9],
      [300, 30],
      [365, 30],
    ] as const)
      assert.equal(deviceNoticeDays({ validityDays }), days);
  });
});
