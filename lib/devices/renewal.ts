import type { DeviceCertificate } from './certificate.ts';

/**
 * A request of a device to the EST server, and the certificate that answers it. It is stored before anything is signed, so the
 * record names every certificate, and a request that is delivered twice is answered by the same one.
 */
export interface Renewal {
  readonly kind: DeviceCertificate['kind'];
  /** SHA-256 of the request (PKCS#10, DER), lower-case hex. */
  readonly requestSha256: string;
  /** Hex. */
  readonly serialNumber: string;
  /** Generation of the CA that signs (`IssuingCa.generation`). 0: the CA of `est.idCa` "separate". */
  readonly caGeneration: number;
  /** When it was stored: ISO 8601, UTC. */
  readonly reservedAt: string;
  /** ISO 8601, UTC. */
  readonly notBefore: string;
  /** ISO 8601, UTC. */
  readonly notAfter: string;
  /** The certificate, PEM. Absent until it is signed and recorded. */
  readonly certificatePem?: string;
}
