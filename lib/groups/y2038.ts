import { X509Certificate } from 'node:crypto';

/*
 * The year 2038 problem of IoT Edge 1.1: it reads the dates of certificates into 32 bits (libiothsm, certificate_info.c),
 * so no certificate that it reads may end in 2038 or later. Microsoft documents the first day of that year as the limit.
 */
/** No certificate that IoT Edge 1.1 reads may end at or after this moment. */
export const y2038Bound = new Date('2038-01-01T00:00:00Z');

/**
 * Checks the end of a certificate's life for IoT Edge 1.1.
 * @returns the fault, to follow the name of the certificate: `ends at ..., and ...`; undefined when there is none
 */
export function y2038DateIssue(notAfter: Date): string | undefined {
  if (notAfter < y2038Bound) return undefined;
  return `ends at ${notAfter.toISOString()}, and IoT Edge 1.1 cannot use certificates that end in 2038 or later`;
}

/** The same for a certificate in PEM. */
export function y2038CertificateIssue(pem: string): string | undefined {
  return y2038DateIssue(new X509Certificate(pem).validToDate);
}
