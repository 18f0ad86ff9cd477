import { brokenRule } from './broken-rule.ts';
import { type CertificateParts, readToBeSigned } from './certificate.ts';
import {
  extensionRules,
  type Intent,
  issuingRules,
  type OwnIntent,
  type OwnParts,
  ownRules,
  validityRules,
} from './rules.ts';

/** Rules on what all certificates of one template have in common. */
export const sharedRules = { ...issuingRules, ...validityRules, ...extensionRules };

const sharedEntries = Object.entries(sharedRules);
const ownEntries = Object.entries(ownRules);

/**
 * Checks a certificate before it is signed: its bytes, read anew, against what it was meant to be.
 * @returns what stands in it
 * @throws FleetError `certificate-rule` naming the rule
 */
export function lint(tbs: Buffer, intent: Intent): CertificateParts {
  let parts: CertificateParts;
  try {
    parts = readToBeSigned(tbs);
  } catch (error) {
    throw brokenRule('encoding', 'the certificate that was prepared cannot be read', { cause: error });
  }
  for (const [name, rule] of sharedEntries) {
    const fault = rule(parts, intent);
    if (fault !== undefined) throw brokenRule(name, fault);
  }
  lintOwn(parts, intent);
  return parts;
}

/** The part of `lint` that each certificate made from a checked template needs. @throws FleetError `certificate-rule` */
export function lintOwn(parts: OwnParts, intent: OwnIntent): void {
  for (const [name, rule] of ownEntries) {
    const fault = rule(parts, intent);
    if (fault !== undefined) throw brokenRule(name, fault);
  }
}
