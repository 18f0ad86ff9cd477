import { FleetError } from '../errors.ts';

/** The error of a certificate that is not signed. Its message begins with the rule's name, as in docs/certificates.md. */
export function brokenRule(rule: string, message: string, options?: ErrorOptions): FleetError {
  return new FleetError('certificate-rule', `${rule}: ${message}.`, options);
}
