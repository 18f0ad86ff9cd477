import { createCertificateSigning, type Issuer } from './issuer.ts';
import { lint } from './lint.ts';
import { type CertificateContent, toBeSigned } from './template.ts';

/**
 * Drafts one certificate, checks all rules on its bytes, and signs it. For many of one kind see device-issuer.ts.
 * @param now the moment of issuing, which validity is checked against
 * @returns DER
 * @throws FleetError `certificate-rule`; `throttled` or `unavailable` from a key that is not local
 */
export async function issueCertificate(content: CertificateContent, issuer: Issuer, now: Date): Promise<Buffer> {
  const tbs = await toBeSigned(content, issuer);
  const { pathLength, alternativeName } = content;
  lint(tbs, { ...content, pathLength, alternativeName, keyType: content.key.type, issuer, now });
  return createCertificateSigning(issuer).sign(tbs);
}
