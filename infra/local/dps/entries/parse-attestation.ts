import { z } from 'zod';
import { dpsError } from '../http/service-error.ts';
import { certificateInfo, decodeCertificate } from '../x509/certificate.ts';
import type { Attestation, Entry, EntryKind, StoredCertificate } from './entry.ts';

const certificate = z.object({ certificate: z.string().nullish(), info: z.unknown().optional() });
const certificates = z.object({ primary: certificate.nullish(), secondary: certificate.nullish() });
const key = z
  .string()
  .regex(/^[A-Za-z0-9+/]+={0,2}$/, 'a base64 key')
  // Key lengths of https://learn.microsoft.com/azure/iot-dps/concepts-symmetric-key-attestation.
  .refine((text) => Buffer.byteLength(text, 'base64') >= 16 && Buffer.byteLength(text, 'base64') <= 64, {
    message: 'a key of 16 to 64 bytes',
  });

export const attestationSyntax = z.object({
  type: z.enum(['none', 'tpm', 'x509', 'symmetricKey']),
  tpm: z.object({ endorsementKey: z.string().min(1), storageRootKey: z.string().nullish() }).nullish(),
  x509: z
    .object({
      clientCertificates: certificates.nullish(),
      signingCertificates: certificates.nullish(),
      caReferences: z.object({ primary: z.string().nullish(), secondary: z.string().nullish() }).nullish(),
    })
    .nullish(),
  symmetricKey: z.object({ primaryKey: key.nullish(), secondaryKey: key.nullish() }).nullish(),
});

type Input = z.output<typeof attestationSyntax>;

/** A sent attestation as it is kept; what an update leaves out (certificates shown as `info` only, keys) stays as it was. */
export function parseAttestation(
  kind: EntryKind,
  input: Input,
  before: Entry | undefined,
  random: (bytes: number) => Buffer,
): Attestation {
  switch (input.type) {
    case 'none':
      return { type: 'none' };
    case 'tpm': {
      if (kind === 'group') throw dpsError(400, 'An enrollment group cannot attest by TPM.');
      if (!input.tpm) throw dpsError(400, 'Attestation of type tpm needs an endorsementKey.');
      const { endorsementKey, storageRootKey } = input.tpm;
      return { type: 'tpm', endorsementKey, ...(storageRootKey ? { storageRootKey } : {}) };
    }
    case 'symmetricKey': {
      const kept = before?.attestation.type === 'symmetricKey' ? before.attestation : undefined;
      const newKey = () => random(64).toString('base64');
      return {
        type: 'symmetricKey',
        primaryKey: input.symmetricKey?.primaryKey ?? kept?.primaryKey ?? newKey(),
        secondaryKey: input.symmetricKey?.secondaryKey ?? kept?.secondaryKey ?? newKey(),
      };
    }
    case 'x509':
      return parseX509(kind, input.x509 ?? {}, before);
  }
}

function parseX509(kind: EntryKind, x509: NonNullable<Input['x509']>, before: Entry | undefined): Attestation {
  const use = kind === 'group' ? 'signingCertificates' : 'clientCertificates';
  const wrong = kind === 'group' ? 'clientCertificates' : 'signingCertificates';
  const sent = x509[use];
  const references = x509.caReferences;
  if (x509[wrong]) throw dpsError(400, `${wrong} do not belong here; this kind of enrollment takes ${use}.`);
  if (references?.primary) {
    if (kind === 'individual') throw dpsError(400, 'caReferences belong to enrollment groups.');
    if (sent?.primary) throw dpsError(400, 'Give signingCertificates or caReferences, not both.');
    const { primary, secondary } = references;
    return { type: 'x509', use: 'caReferences', primary, ...(secondary ? { secondary } : {}) };
  }
  if (!sent?.primary) throw dpsError(400, `Attestation of type x509 needs ${use}.primary.`);
  const kept = before?.attestation.type === 'x509' && before.attestation.use === use ? before.attestation : undefined;
  const primary = storedCertificate(sent.primary, kept?.primary, `${use}.primary`);
  const secondary = sent.secondary && storedCertificate(sent.secondary, kept?.secondary, `${use}.secondary`);
  return { type: 'x509', use, primary, ...(secondary ? { secondary } : {}) };
}

function storedCertificate(
  sent: z.output<typeof certificate>,
  kept: StoredCertificate | undefined,
  place: string,
): StoredCertificate {
  if (!sent.certificate) {
    if (kept && sent.info) return kept;
    throw dpsError(400, `${place} has no certificate.`);
  }
  try {
    const parsed = decodeCertificate(sent.certificate);
    return { certificate: parsed.der.toString('base64'), info: certificateInfo(parsed) };
  } catch {
    throw dpsError(400, `${place} is not an X.509 certificate (PEM, base64 of PEM or base64 of DER).`);
  }
}
