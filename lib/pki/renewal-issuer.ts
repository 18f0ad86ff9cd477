import { X509Certificate } from 'node:crypto';
import type { AlternativeName } from './alternative-name.ts';
import { invalidRequest } from './csr.ts';
import { type IssuedCertificate, issuedCertificate } from './device-issuer.ts';
import { edgeCaCommonName, edgeCaPathLength } from './edge-ca.ts';
import { type EnrollmentKind, enrollmentProfiles } from './est-request.ts';
import { issueCertificate } from './issue-certificate.ts';
import { type Authority, readIssuer } from './issuer.ts';
import { type DeviceSubjectKey, keyIdentifier } from './keys.ts';
import { validityFrom } from './profiles.ts';

/** A certificate as it was reserved in the device record, so that the same one is signed however often it is tried. */
export interface RenewalIssueRequest {
  readonly kind: EnrollmentKind;
  readonly deviceId: string;
  /** From `readEnrollmentRequest`. */
  readonly key: DeviceSubjectKey;
  /** Hex, 16 octets. */
  readonly serialNumber: string;
  /** From `validityOf`, at `reservedAt`. */
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Of an identity. Absent: it has none. */
  readonly alternativeName?: AlternativeName | undefined;
  /** When it was reserved, which validity is checked against: signing may be tried again later. */
  readonly reservedAt: Date;
}

/**
 * Issues the certificate that a device asked for by EST.
 * @throws FleetError `csr-invalid` if the key is the CA's own; `certificate-rule`; `throttled` or `unavailable` from a CA key
 * that is not local
 */
export async function issueRenewal(request: RenewalIssueRequest, authority: Authority): Promise<IssuedCertificate> {
  const { kind, deviceId, key, serialNumber, notBefore, notAfter, alternativeName, reservedAt } = request;
  const issuer = readIssuer(authority);
  if (keyIdentifier(key.publicKey).equals(issuer.keyIdentifier))
    throw invalidRequest('The key of the request is that of the issuing CA. Make a new key');
  const content = {
    profile: enrollmentProfiles[kind],
    ...{ key, serialNumber, notBefore, notAfter, alternativeName },
    ...(kind === 'edge-ca'
      ? { commonName: edgeCaCommonName(deviceId), pathLength: edgeCaPathLength[kind] }
      : { commonName: deviceId }),
  };
  const der = await issueCertificate(content, issuer, reservedAt);
  return issuedCertificate(serialNumber, der, { notBefore, notAfter });
}

/** The life of a certificate that is reserved at `now`: backdated, and within the life of its issuer. Whole seconds. */
export function validityOf(
  now: Date,
  days: number,
  kind: EnrollmentKind,
  issuer: Pick<Authority, 'certificatePem'>,
): { notBefore: Date; notAfter: Date } {
  const { validFromDate, validToDate } = new X509Certificate(issuer.certificatePem);
  return validityFrom(now, days, enrollmentProfiles[kind], { notBefore: validFromDate, notAfter: validToDate });
}
