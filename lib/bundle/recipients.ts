import { X509Certificate } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import { Certificate, id_ce_keyUsage, KeyUsage, KeyUsageFlags } from '@peculiar/asn1-x509';

/** Curves as Node names them; each is at least as strong as P-256, and OpenSSL opens what is sealed to it. */
const curves: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

const leastRsaBits = 2048;

/**
 * Why bundles cannot be sealed to this certificate at that moment: each reason a sentence part for the one who declared
 * the group. None where they can.
 */
export function recipientFaults(pem: string, at: Date): string[] {
  const certificate = readCertificate(pem);
  if (certificate === undefined) return ['not one certificate in PEM'];
  const faults: string[] = [];
  if (at < certificate.validFromDate) faults.push(`not valid before ${certificate.validFromDate.toISOString()}`);
  if (at > certificate.validToDate) faults.push(`expired at ${certificate.validToDate.toISOString()}`);

  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = certificate.publicKey;
  const usages = keyUsages(certificate);
  if (type === 'rsa') {
    const bits = details.modulusLength ?? 0;
    if (bits < leastRsaBits) faults.push(`too weak: an RSA key of ${bits} bits, where ${leastRsaBits} are the least`);
    if (usages !== undefined && !(usages & KeyUsageFlags.keyEncipherment))
      faults.push('not for encryption: its key usage lacks keyEncipherment');
  } else if (type === 'ec') {
    if (!curves.has(details.namedCurve ?? ''))
      faults.push(`too weak: a key on ${details.namedCurve ?? 'a curve without a name'}, not on P-256, P-384 or P-521`);
    if (usages !== undefined && !(usages & KeyUsageFlags.keyAgreement))
      faults.push('not for encryption: its key usage lacks keyAgreement');
  } else {
    faults.push(`not for encryption: a key of type ${type ?? 'unknown'}, not RSA or EC`);
  }
  return faults;
}

/** The certificates that stand in a list more than once, as positions. Whitespace makes no difference. */
export function duplicateRecipients(pems: readonly string[]): number[] {
  const seen = new Set<string>();
  return pems.flatMap((pem, index) => {
    const thumbprint = readCertificate(pem)?.fingerprint256 ?? pem;
    if (seen.has(thumbprint)) return [index];
    seen.add(thumbprint);
    return [];
  });
}

function readCertificate(pem: string): X509Certificate | undefined {
  // Node reads the first certificate of several; who sent a chain meant perhaps another one.
  if (pem.split('-----BEGIN').length !== 2 || !pem.includes('-----BEGIN CERTIFICATE-----')) return undefined;
  try {
    const certificate = new X509Certificate(pem);
    // A key that OpenSSL cannot read is noticed at its first use only.
    return certificate.publicKey.type === 'public' ? certificate : undefined;
  } catch {
    return undefined;
  }
}

/** Bits of the key usage extension, or undefined where the key may be used for anything (RFC 5280 4.2.1.3). */
function keyUsages({ raw }: X509Certificate): number | undefined {
  const { extensions = [] } = AsnConvert.parse(raw, Certificate).tbsCertificate;
  const extension = extensions.find(({ extnID }) => extnID === id_ce_keyUsage);
  return extension === undefined ? undefined : AsnConvert.parse(extension.extnValue, KeyUsage).toNumber();
}
