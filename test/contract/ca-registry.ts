import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { CaRegistry, RegisteredCa } from '../../lib/enrollment/ca-registration.ts';
import { FleetError } from '../../lib/errors.ts';
import { makeCertificate, type TestCertificate } from '../infra/emulators/dps/certificates.ts';

const hasCode = (code: string) => (error: unknown) => error instanceof FleetError && error.code === code;

/** Tests that every CaRegistry passes. */
export function caRegistryContract(implementation: string, open: () => CaRegistry): void {
  const run = Date.now().toString(36);
  const nameOf = (suffix: string) => `contract-${run}-${suffix}`;
  const withoutProof = false;

  async function listed(name: string): Promise<RegisteredCa | undefined> {
    return (await open().list()).find((ca) => ca.name === name);
  }

  describe(`CA registry: ${implementation}`, () => {
    let ca: TestCertificate;
    before(async () => {
      ca = await makeCertificate({ name: nameOf('CA'), ca: true });
    });

    it('lists an uploaded certificate, not verified, by its SHA-1 thumbprint', async () => {
      const name = nameOf('listed');
      assert.equal(await listed(name), undefined);
      const uploaded = await open().upload(name, ca.pem, { withoutProof });
      assert.equal(uploaded.isVerified, false);
      assert.equal(
        uploaded.sha1Thumbprint,
        Buffer.from(await ca.certificate.getThumbprint())
          .toString('hex')
          .toUpperCase(),
      );
      assert.deepEqual(await listed(name), uploaded);
    });

    it('verifies a certificate by a proof of possession', async () => {
      const name = nameOf('proven');
      const uploaded = await open().upload(name, ca.pem, { withoutProof });
      const { code, ca: current } = await open().verificationCode(uploaded);
      const proof = await makeCertificate({ name: code, issuer: ca });
      assert.equal((await open().verify(current, proof.pem)).isVerified, true);
      assert.equal((await listed(name))?.isVerified, true);
    });

    it('refuses a proof for another code, or by another key', async () => {
      const uploaded = await open().upload(nameOf('refused'), ca.pem, { withoutProof });
      const { code, ca: current } = await open().verificationCode(uploaded);
      const otherCode = await makeCertificate({ name: '0'.repeat(code.length), issuer: ca });
      await assert.rejects(open().verify(current, otherCode.pem), hasCode('ca-refused'));
      const otherCa = await makeCertificate({ name: nameOf('CA'), ca: true });
      const otherKey = await makeCertificate({ name: code, issuer: ca, forgedBy: otherCa });
      await assert.rejects(open().verify(current, otherKey.pem), hasCode('ca-refused'));
    });

    it('voids a code when it gives a new one', async () => {
      const uploaded = await open().upload(nameOf('void'), ca.pem, { withoutProof });
      const first = await open().verificationCode(uploaded);
      const second = await open().verificationCode(first.ca);
      assert.notEqual(second.code, first.code);
      const proof = await makeCertificate({ name: first.code, issuer: ca });
      await assert.rejects(open().verify(second.ca, proof.pem), hasCode('ca-refused'));
    });

    it('verifies a certificate without a proof when asked to, also one that was uploaded before', async () => {
      assert.equal((await open().upload(nameOf('trusted'), ca.pem, { withoutProof: true })).isVerified, true);
      const name = nameOf('trusted-later');
      const known = await open().upload(name, ca.pem, { withoutProof });
      assert.equal((await open().upload(name, ca.pem, { withoutProof: true, known })).isVerified, true);
    });

    it('changes nothing when the certificate changed since it was read', async () => {
      const name = nameOf('changed');
      const stale = await open().upload(name, ca.pem, { withoutProof });
      const { code } = await open().verificationCode(stale);
      const overtaken = hasCode('concurrent-change');
      await assert.rejects(open().upload(name, ca.pem, { withoutProof: true }), overtaken);
      await assert.rejects(open().upload(name, ca.pem, { withoutProof: true, known: stale }), overtaken);
      await assert.rejects(open().verificationCode(stale), overtaken);
      const proof = await makeCertificate({ name: code, issuer: ca });
      await assert.rejects(open().verify(stale, proof.pem), overtaken);
      assert.equal((await listed(name))?.isVerified, false);
    });

    it('removes the certificate that was read, and no other version', async () => {
      const name = nameOf('removed');
      const stale = await open().upload(name, ca.pem, { withoutProof });
      const { ca: current } = await open().verificationCode(stale);
      await assert.rejects(open().remove(stale), hasCode('concurrent-change'));
      await open().remove(current);
      assert.equal(await listed(name), undefined);
    });

    it('refuses a name that DPS does not accept', async () => {
      await assert.rejects(open().upload('no/such name', ca.pem, { withoutProof }), hasCode('ca-refused'));
    });
  });
}
