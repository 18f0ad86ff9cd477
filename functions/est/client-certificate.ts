import { X509Certificate } from 'node:crypto';
import { FleetError } from '../../lib/errors.ts';

/**
 * Set by the platform, which ended the TLS connection: the leaf that the caller presented, and whose key it proved to have. The
 * platform replaces a header of this name that a caller sent, as long as the app requires client certificates
 * (`clientCertMode`). It checks neither the chain nor the dates nor revocation.
 * https://learn.microsoft.com/azure/app-service/app-service-web-configure-tls-mutual-auth
 */
const header = 'x-arr-clientcert';

/** Characters. A leaf with an RSA key of 4096 bits has less than 3,000. */
const maxLength = 16 * 1024;

/**
 * The certificate that the caller presented, or undefined if there is none.
 * @throws FleetError `request-invalid` unless the header is exactly one certificate, as base64 of DER or as PEM
 */
export function presentedCertificate(headers: Pick<Headers, 'get'>): X509Certificate | undefined {
  const text = headers.get(header);
  if (text === null || text === '') return undefined;
  if (text.length > maxLength) throw unreadable(`is longer than ${maxLength} characters`);
  // PEM without its line breaks, which a header cannot have.
  const base64 = text.replace(/^-----BEGIN CERTIFICATE-----|-----END CERTIFICATE-----\s*$/g, '').replaceAll(/\s/g, '');
  // Two headers of one name arrive as one, with a comma.
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw unreadable('is not base64');
  const der = Buffer.from(base64, 'base64');
  const certificate = parsed(der);
  // OpenSSL reads the first certificate and leaves what follows.
  if (!certificate.raw.equals(der)) throw unreadable('has more than one certificate');
  return certificate;
}

function parsed(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw unreadable('is not an X.509 certificate', cause);
  }
}

function unreadable(how: string, cause?: unknown): FleetError {
  return new FleetError('request-invalid', `The client certificate ${how}.`, { cause });
}
