import { randomBytes, X509Certificate } from 'node:crypto';
import type { CaRegistry, RegisteredCa } from '../../lib/enrollment/ca-registration.ts';
import { FleetError } from '../../lib/errors.ts';

interface StoredCa extends RegisteredCa {
  readonly certificatePem: string;
  readonly code?: string;
}

/** The CA certificates of DPS in memory, held to the same contract as the real registry. */
export function createMemoryCaRegistry(): CaRegistry {
  const stored = new Map<string, StoredCa>();
  let version = 0;

  function save(ca: Omit<StoredCa, 'etag'>): RegisteredCa {
    const saved = { ...ca, etag: `"${++version}"` };
    stored.set(ca.name, saved);
    return toRegisteredCa(saved);
  }

  /** @throws FleetError `concurrent-change` when the certificate is not the version that was read */
  function current(read: RegisteredCa): StoredCa {
    const found = stored.get(read.name);
    if (found?.etag === read.etag) return found;
    throw new FleetError('concurrent-change', `CA certificate "${read.name}" changed meanwhile.`);
  }

  return {
    async list() {
      return [...stored.values()].map(toRegisteredCa);
    },
    async upload(name, certificatePem, { withoutProof, known }) {
      if (!/^[A-Za-z0-9._-]{1,64}$/.test(name)) throw new FleetError('ca-refused', `DPS refuses the name "${name}".`);
      if (known !== undefined) current(known);
      else if (stored.has(name)) throw new FleetError('concurrent-change', `CA certificate "${name}" exists.`);
      const sha1Thumbprint = new X509Certificate(certificatePem).fingerprint.replaceAll(':', '');
      return save({ name, certificatePem, sha1Thumbprint, isVerified: withoutProof });
    },
    async verificationCode(read) {
      const code = randomBytes(24).toString('hex').toUpperCase();
      return { code, ca: save({ ...current(read), code }) };
    },
    async verify(read, proofPem) {
      const ca = current(read);
      const proof = new X509Certificate(proofPem);
      const signed = proof.verify(new X509Certificate(ca.certificatePem).publicKey);
      if (!signed || proof.subject !== `CN=${ca.code}`) throw new FleetError('ca-refused', 'DPS refuses the proof.');
      return save({ ...ca, isVerified: true });
    },
    async remove(read) {
      stored.delete(current(read).name);
    },
  };
}

const toRegisteredCa = ({ name, sha1Thumbprint, isVerified, etag }: StoredCa): RegisteredCa => ({
  name,
  sha1Thumbprint,
  isVerified,
  etag,
});
