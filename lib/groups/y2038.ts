import { X509Certificate } from 'node:crypto';

/**
 * IoT Edge 1.1 reads dates of certificates into 32 bits (libiothsm, certificate_info.c), so none that it reads may end in
 * 2038 or later; Microsoft documents the first day of that year as the bound.
 */
export const y2038Bound = new Date('2038-01-01T00:00:00Z');

/** What is wrong with an end of life for IoT Edge 1.1, or undefined. */
export function y2038DateIssue(notAfter: Date): string | undefined {
  if (notAfter < y2038Bound) return undefined;
  return `ends at ${notAfter.toISOString()}, and IoT Edge 1.1 cannot use certificates that end in 2038 or later`;
}

export function y2038CertificateIssue(pem: string): string | undefined {
  return y2038DateIssue(new X509Certificate(pem).validToDate);
}
