import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { isChanging, issuerAmong, issuingCaAtEst, trustedAtEst } from '../../../lib/authorities/est-cas.ts';
import { enrollmentRevision, type GroupRecord, type IssuingCa } from '../../../lib/groups/group.ts';
import { issueRootCa } from '../../../lib/pki/authority.ts';
import { newSerialNumber } from '../../../lib/pki/serial.ts';
import { someGroup, someTime } from '../../factories.ts';
import { someAuthority, someRoot } from '../pki/some-authority.ts';

const after = (seconds: number) => new Date(someTime.getTime() + seconds * 1000);

function someCa(generation: number, change: Partial<IssuingCa> = {}): IssuingCa {
  const keyName = `issuing-line7-${generation}`;
  return {
    certificatePem: `${generation}`,
    chainPem: [],
    generation,
    keyName,
    notAfter: after(1e6).toISOString(),
    ...change,
  };
}

/** A group that was rolled over from CA 1 to CA 2, which DPS has since `someTime`. */
function rolledOver(change: Partial<GroupRecord> = {}): GroupRecord {
  const at = someTime.toISOString();
  const group = {
    ...{ id: 'line7', definition: someGroup('line7'), createdAt: at, updatedAt: at },
    ...{ issuingCas: [someCa(2), someCa(1)], issuesSince: at, ...change },
  };
  return { enrolled: { revision: enrollmentRevision(group), at }, ...group };
}

const generations = (cas: readonly IssuingCa[]) => cas.map(({ generation }) => generation);

describe('the EST server after a rollover', () => {
  it('issues by the older CA for 20 seconds, so that an answer and its chain are of one CA', () => {
    for (const [seconds, generation] of [
      [0, 1],
      [19.999, 1],
      [20, 2],
    ] as const)
      assert.equal(issuingCaAtEst(rolledOver(), after(seconds))?.generation, generation, `${seconds} s`);
  });

  it('has CA certificates that follow the request for a minute', () => {
    assert.equal(isChanging(rolledOver(), after(59.999)), true);
    assert.equal(isChanging(rolledOver(), after(60)), false);
    assert.equal(isChanging(rolledOver({ issuingCas: [someCa(1)] }), after(0)), false);
  });

  it('issues by the new CA at once where the older one has ended, is being removed, or is missing', () => {
    const issuer = (change: Partial<GroupRecord>) => issuingCaAtEst(rolledOver(change), after(1))?.generation;
    const ended = (seconds: number) => [someCa(2), someCa(1, { notAfter: after(seconds).toISOString() })];
    assert.equal(issuer({ issuingCas: ended(1) }), 2);
    assert.equal(issuer({ issuingCas: ended(2) }), 1);
    const act = { by: 'ada', at: someTime.toISOString() };
    assert.equal(issuer({ removingCa: { ...act, generation: 1 } }), 2);
    assert.equal(issuer({ removingCa: { ...act, generation: 7 } }), 1);
    assert.equal(issuer({ issuingCas: [someCa(2)] }), 2);
    assert.equal(issuer({ issuingCas: [] }), undefined);
  });

  it('knows a change by the time at which DPS got the CA, up to an hour after the rollover', () => {
    const since = (seconds: number) => rolledOver({ issuesSince: after(-seconds).toISOString() });
    assert.equal(issuingCaAtEst(since(3600), after(1))?.generation, 1);
    assert.equal(issuingCaAtEst(since(3600.001), after(1))?.generation, 2);
    const { issuesSince: _, ...unknown } = rolledOver();
    assert.equal(issuingCaAtEst(unknown, after(1))?.generation, 2);
    assert.equal(isChanging(unknown, after(1)), false);
    const { enrolled: _none, ...notInDps } = rolledOver();
    assert.equal(isChanging(notInDps, after(1)), false);
  });

  it('issues by what DPS has while it has not taken the rollover', () => {
    const before = { definition: someGroup('line7'), issuingCas: [someCa(1)] };
    const group = { ...rolledOver(), accepted: before, enrolled: { revision: 'older', at: someTime.toISOString() } };
    assert.equal(issuingCaAtEst(group, after(100))?.generation, 1);
  });
});

describe('a certificate at the EST server', () => {
  it('is trusted if any CA of the group issued it that has not ended', () => {
    const group = rolledOver({
      accepted: { definition: someGroup('line7'), issuingCas: [someCa(3)] },
      retiredCas: [
        { ...someCa(4, { notAfter: after(0).toISOString() }), retiredAt: '' },
        { ...someCa(5, { notAfter: after(-1).toISOString() }), retiredAt: '' },
      ],
      estCa: someCa(0),
    });
    assert.deepEqual(generations(trustedAtEst(group, someTime)), [2, 1, 3, 4, 0]);
    assert.deepEqual(generations(trustedAtEst(rolledOver(), someTime)), [2, 1]);
  });

  it('has the issuer that signed it, and not one of the same name', async () => {
    const root = await someRoot();
    const other = await someRoot({ rootKeyType: 'ec-p384' });
    const { certificatePem } = await someAuthority();
    const leaf = new X509Certificate(certificatePem);
    const cas = [other, root].map((ca, index) => someCa(index, { certificatePem: ca.certificatePem }));
    assert.equal(issuerAmong(cas, leaf)?.generation, 1);
    assert.equal(issuerAmong(cas.slice(0, 1), leaf), undefined);
    assert.equal(issuerAmong([], leaf), undefined);
    const renamed = await issueRootCa({
      ...{ commonName: 'Other root', signer: root.signer, validityDays: 30, now: someTime },
      serialNumber: newSerialNumber(),
    });
    assert.equal(issuerAmong([someCa(3, { certificatePem: renamed })], leaf), undefined);
  });
});
