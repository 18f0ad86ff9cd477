import { brokenRule } from './broken-rule.ts';
import { type CertificateParts, readToBeSigned } from './certificate.ts';
import { type Intent, perCertificate, perTemplate, type VaryingIntent, type VaryingParts } from './rules.ts';

const templateRules = Object.entries(perTemplate);
const certificateRules = Object.entries(perCertificate);

/**
 * Checks a certificate before it is signed: reads its bytes back and compares them with the intent.
 * @param tbs TBSCertificate, DER
 * @returns its parts, as views of `tbs`
 * @throws FleetError `certificate-rule`; the message begins with the name of the first rule that is broken
 */
export function lint(tbs: Buffer, intent: Intent): CertificateParts {
  let parts: CertificateParts;
  try {
    parts = readToBeSigned(tbs);
  } catch (error) {
    throw brokenRule('encoding', 'the certificate that was prepared cannot be read', { cause: error });
  }
  for (const [name, rule] of templateRules) {
    const fault = rule(parts, intent);
    if (fault !== undefined) throw brokenRule(name, fault);
  }
  lintPerCertificate(parts, intent);
  return parts;
}

/** The part of `lint` that a certificate made from a checked template needs. @throws FleetError `certificate-rule` */
export function lintPerCertificate(parts: VaryingParts, intent: VaryingIntent): void {
  for (const [name, rule] of certificateRules) {
    const fault = rule(parts, intent);
    if (fault !== undefined) throw brokenRule(name, fault);
  }
}
