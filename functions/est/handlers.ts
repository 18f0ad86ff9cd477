import type { X509Certificate } from 'node:crypto';
import type { Services } from '../services.ts';

/** A request of a device, as its handler gets it. */
export interface EstRequest {
  /** Names the enrollment group and the generation of its CA: the segment of the path before the operation. */
  readonly label: string;
  /** The leaf that the caller proved to have the key of. Nothing else of it is checked yet. */
  readonly clientCertificate: X509Certificate | undefined;
  readonly body: Buffer;
}

export interface EstReply {
  readonly status: number;
  /** Default: plain text. */
  readonly contentType?: string;
  readonly body: string;
}

export async function cacerts(_request: EstRequest, _services: Services): Promise<EstReply> {
  return { status: 501, body: 'Not built yet.' };
}

export async function simpleenroll(_request: EstRequest, _services: Services): Promise<EstReply> {
  return { status: 501, body: 'Not built yet.' };
}

export async function simplereenroll(_request: EstRequest, _services: Services): Promise<EstReply> {
  return { status: 501, body: 'Not built yet.' };
}

export async function csrattrs(_request: EstRequest, _services: Services): Promise<EstReply> {
  return { status: 501, body: 'Not built yet.' };
}
