import { FleetError } from '../errors.ts';

/**
 * The error of a certificate that breaks a rule and so is not signed.
 * @param rule its name, as in docs/certificates.md; the message begins with it
 */
export function brokenRule(rule: string, message: string, options?: ErrorOptions): FleetError {
  return new FleetError('certificate-rule', `${rule}: ${message}.`, options);
}
