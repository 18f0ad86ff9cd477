import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { before, describe, it } from 'node:test';
import type { ObservedEntry } from '../../../lib/enrollment/observed.ts';
import { compareEndOfCas, dpsInSubject, foreignGroups } from '../../../lib/findings/compare-group.ts';
import { expectedSettings } from '../../../lib/findings/entry-settings.ts';
import type { GroupInput } from '../../../lib/groups/definition.ts';
import type { GroupRecord, IssuingCa } from '../../../lib/groups/group.ts';
import { someGroup } from '../../factories.ts';
import { makeCertificate, type TestCertificate } from '../../infra/emulators/dps/certificates.ts';

const dayMs = 86_400_000;
const now = new Date('2027-01-01T00:00:00Z');
const at = now.toISOString();
const inDays = (days: number) => new Date(now.getTime() + days * dayMs);
const thumbprintOf = (pem: string) => new X509Certificate(pem).fingerprint256.replaceAll(':', '');

let root: TestCertificate;
let middle: TestCertificate;
let ca: TestCertificate;

before(async () => {
  const notBefore = inDays(-100);
  root = await makeCertificate({ name: 'root', ca: true, notBefore, notAfter: inDays(50) });
  middle = await makeCertificate({ name: 'middle', issuer: root, ca: true, notBefore, notAfter: inDays(20) });
  ca = await makeCertificate({ name: 'issuing', issuer: middle, ca: true, notBefore, notAfter: inDays(10) });
});

function issuing(change: Partial<IssuingCa> = {}): IssuingCa {
  const chainPem = [middle.pem, root.pem];
  return {
    certificatePem: ca.pem,
    chainPem,
    generation: 3,
    keyName: 'k',
    notAfter: inDays(10).toISOString(),
    ...change,
  };
}

function group(id: string, definition: Partial<GroupInput> = {}, more: Partial<GroupRecord> = {}): GroupRecord {
  const created = inDays(-90).toISOString();
  return {
    ...{ id, definition: someGroup(id, definition), issuingCas: [issuing()], createdAt: created, updatedAt: created },
    ...more,
  };
}

function entry(id: string, ...thumbprints: string[]): ObservedEntry {
  return {
    ...{ id, etag: '', createdAt: at, attestation: 'x509', thumbprints, caReferences: [] },
    settings: expectedSettings(someGroup(id)),
  };
}

const seenOf = (...entries: ObservedEntry[]) => new Map(entries.map((each) => [each.id, each]));

describe('an enrollment group that we have no record of', () => {
  it('is foreign if a CA of ours is in it, with the group of the CA', () => {
    const found = foreignGroups([group('line7')], seenOf(entry('copy', 'F'.repeat(64), thumbprintOf(ca.pem))));
    assert.deepEqual(
      found.map(({ kind, subject, seen }) => [kind, subject, seen['caOfGroup']]),
      [['group-foreign', { type: 'group', id: 'copy', enrollmentGroup: 'line7' }, 'line7']],
    );
    assert.equal('dps' in (found[0]?.seen ?? {}), false, 'the instance "default" is not named');
  });

  it('is not ours to judge without one', () => {
    assert.deepEqual(foreignGroups([group('line7')], seenOf(entry('theirs', 'F'.repeat(64)))), []);
  });

  it('is one of the instance that was read: a record of the same id in another instance does not cover it', () => {
    const seen = seenOf(entry('line7', thumbprintOf(ca.pem)));
    const records = [group('line7', { dps: 'west' })];
    assert.deepEqual(foreignGroups(records, seen, 'west'), [], 'it is the group itself');
    const [inDefault] = foreignGroups(records, seen);
    assert.deepEqual([inDefault?.subject.id, dpsInSubject(inDefault?.subject ?? assert.fail())], ['line7', undefined]);
    const [inEast] = foreignGroups(records, seen, 'east');
    assert.deepEqual([inEast?.subject.id, inEast?.seen['dps']], ['line7@east', 'east']);
    assert.equal(dpsInSubject(inEast?.subject ?? assert.fail()), 'east');
  });
});

describe('the end of the CA certificates of a group', () => {
  const endsOf = (record: GroupRecord) =>
    compareEndOfCas(record, at).map(({ subject, decided, differences }) => [
      ...[subject.id, decided.join()],
      differences.map(({ seen }) => seen['notAfter']).join(),
    ]);

  it('is that of the issuing CA, and of the first to end of those above', () => {
    assert.deepEqual(endsOf(group('line7')), [
      ['line7/3', 'ca-ending', inDays(10).toISOString()],
      ['line7/chain', 'ca-ending', inDays(20).toISOString()],
    ]);
  });

  it('is decided, and no finding, 60 days before or earlier', () => {
    const late = issuing({ notAfter: inDays(60).toISOString(), chainPem: [] });
    assert.deepEqual(endsOf(group('line7', {}, { issuingCas: [late] })), [
      ['line7/3', 'ca-ending', ''],
      ['line7/chain', 'ca-ending', ''],
    ]);
  });

  it('is not looked at of a group that is being deleted, or that has no CA yet', () => {
    assert.deepEqual(endsOf(group('line7', {}, { deleting: { at, by: 'Ann' } as never })), []);
    assert.deepEqual(endsOf(group('line7', {}, { issuingCas: [] })), []);
  });
});
