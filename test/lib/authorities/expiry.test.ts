import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expiringCertificates } from '../../../lib/authorities/expiry.ts';
import type { GroupRecord } from '../../../lib/groups/group.ts';
import { someGroup, someTime } from '../../factories.ts';

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
});
