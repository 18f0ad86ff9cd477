import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { delegatedCaSignsMs, delegatedCaValidity, issueDelegatedCa } from '../../lib/pki/authority.ts';
import { createDeviceIssuer } from '../../lib/pki/device-issuer.ts';
import { type EdgeCaKind, edgeCaPathLength } from '../../lib/pki/edge-ca.ts';
import type { Authority } from '../../lib/pki/issuer.ts';
import { newSerialNumber } from '../../lib/pki/serial.ts';
import { createSoftwareSigner } from '../../lib/pki/software-key-store.ts';
import { isIssuedBy } from '../../lib/pki/x509.ts';
import { someTime } from '../factories.ts';
import fc from '../fast-check.ts';
import { someAuthority } from '../lib/pki/some-authority.ts';

const minute = 60_000;
const day = 24 * 60 * minute;
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const after = (milliseconds: number) => new Date(someTime.getTime() + milliseconds);

/** A delegated CA that was made some time after its issuing CA. */
async function delegatedFrom(issuer: Authority, now: Date, validityDays: number, pathLength: number) {
  const validity = delegatedCaValidity(now, validityDays, issuer);
  const content = { issuer, commonName: 'line7 host-1 20261128T090000Z', publicKey, pathLength, now, ...validity };
  const certificatePem = await issueDelegatedCa({ ...content, serialNumber: newSerialNumber() });
  const signer = createSoftwareSigner(privateKey, 'ec-p256');
  return { certificatePem, signer, chainPem: [issuer.certificatePem, ...issuer.chainPem] };
}

const situation = fc.record({
  issuerDays: fc.integer({ min: 30, max: 7300 }),
  /** Into the life of the issuing CA, from its first to its last hours. */
  share: fc.double({ min: 0, max: 0.999, noNaN: true }),
  validityDays: fc.integer({ min: 1, max: 3650 }),
  /** From the making of the delegated CA to that of a certificate. */
  signedAfter: fc.integer({ min: 0, max: delegatedCaSignsMs }),
  milliseconds: fc.integer({ min: 0, max: 999 }),
  jitterShare: fc.double({ min: 0, max: 0.5, noNaN: true }),
  edgeCa: fc.constantFrom<EdgeCaKind | undefined>(undefined, 'edge-ca', 'edge-device-ca-1.1'),
});

describe('a delegated CA', () => {
  it('ends no later than its issuer, no earlier than what it signs, and gives the life that its issuer would give', async () => {
    await fc.assert(
      fc.asyncProperty(situation, async (given) => {
        const { issuerDays, share, validityDays, signedAfter, milliseconds, jitterShare, edgeCa } = given;
        const room = edgeCa === undefined ? 0 : edgeCaPathLength[edgeCa] + 1;
        const issuer = await someAuthority({ validityDays: issuerDays, pathLength: room + 1 });
        const issuing = new X509Certificate(issuer.certificatePem);
        // The last certificate is signed before its issuer ends.
        const made = after(Math.floor(share * (issuerDays * day - delegatedCaSignsMs - minute)) + milliseconds);
        const delegated = await delegatedFrom(issuer, made, validityDays, room);
        const ca = new X509Certificate(delegated.certificatePem);
        assert.ok(isIssuedBy(ca, issuing));
        assert.ok(ca.validToDate <= issuing.validToDate && ca.validFromDate >= issuing.validFromDate);

        const now = new Date(made.getTime() + signedAfter);
        const options = { keyType: 'ec-p256', validityDays, now, edgeCa } as const;
        const jitterDays = jitterShare * validityDays;
        const request = { deviceId: 'gw-1', serialNumber: newSerialNumber(), jitterDays };
        const [byDelegated, direct] = await Promise.all([
          createDeviceIssuer({ ...options, issuer: delegated }).issue(request),
          createDeviceIssuer({ ...options, issuer }).issue(request),
        ]);
        for (const [found, expected] of [
          [byDelegated, direct],
          [byDelegated.edgeCa, direct.edgeCa],
        ]) {
          assert.deepEqual([found?.notBefore, found?.notAfter], [expected?.notBefore, expected?.notAfter]);
          if (found === undefined) continue;
          const certificate = new X509Certificate(found.certificatePem);
          assert.ok(isIssuedBy(certificate, ca));
          assert.ok(certificate.validToDate <= ca.validToDate && certificate.validFromDate >= ca.validFromDate);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is not signed by an issuing CA that has no room for it, nor with another kind of key', async () => {
    const issuer = await someAuthority({ pathLength: 1 });
    await assert.rejects(delegatedFrom(issuer, someTime, 365, 1), /path-length: .* leaves no room/);
    assert.ok(await delegatedFrom(issuer, someTime, 365, 0));
    const rsa = generateKeyPairSync('rsa', { modulusLength: 4096 }).publicKey;
    const validity = delegatedCaValidity(someTime, 365, issuer);
    const content = { issuer, commonName: 'line7', publicKey: rsa, pathLength: 0, now: someTime, ...validity };
    await assert.rejects(issueDelegatedCa({ ...content, serialNumber: newSerialNumber() }), /key-type/);
  });
});
