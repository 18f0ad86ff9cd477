import type { X509Certificate } from 'node:crypto';
import { FleetError } from '../../lib/errors.ts';
import { estCaCertificates } from '../../lib/pipeline/est-ca-certificates.ts';
import { renewCertificate } from '../../lib/pipeline/renew-certificate.ts';
import { certsOnly } from '../../lib/pki/certs-only.ts';
import type { Services } from '../services.ts';

/** A request to the EST server. */
export interface EstRequest {
  /** Names the enrollment group and the generation of its CA: the segment of the path before the operation. */
  readonly label: string;
  /** The leaf that the caller proved to have the key of. Nothing else of it is checked yet. */
  readonly clientCertificate: X509Certificate | undefined;
  /** Empty for a GET. */
  readonly body: Buffer;
}

export interface EstReply {
  readonly status: number;
  /** Default: plain text. */
  readonly contentType?: string;
  readonly body: string;
}

/**
 * `cacerts` (RFC 7030, 4.1): the CA that issues for the device first, its root last. IoT Edge stores them behind its
 * certificate as they come.
 */
export async function cacerts(request: EstRequest, services: Services): Promise<EstReply> {
  return pkcs7(await estCaCertificates({ ...request, leaf: leafOf(request) }, services));
}

/** `simpleenroll` and `simplereenroll` (RFC 7030, 4.2): the certificate alone. The request tells its kind. */
export async function enroll(request: EstRequest, services: Services): Promise<EstReply> {
  return pkcs7([await renewCertificate({ ...request, leaf: leafOf(request) }, services)]);
}

/** `csrattrs` (RFC 7030, 4.5): nothing is asked for, since the profile of the certificate decides. */
export async function csrattrs(request: EstRequest): Promise<EstReply> {
  leafOf(request);
  return { status: 204, body: '' };
}

function leafOf({ clientCertificate }: EstRequest): X509Certificate {
  if (clientCertificate !== undefined) return clientCertificate;
  throw new FleetError('renewal-refused', 'The request came without a client certificate.');
}

/**
 * IoT Edge takes status 200, exactly this content type, and a body that ends with a newline, since it puts the body between the
 * labels of PEM. The base64 has no other line break: strongSwan 5.9 reads none, and all others need none (RFC 4648, 3.1).
 */
function pkcs7(certificates: readonly string[]): EstReply {
  const body = `${certsOnly(certificates).toString('base64')}\n`;
  return { status: 200, contentType: 'application/pkcs7-mime', body };
}
