import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { ContentInfo, SignedData } from '@peculiar/asn1-cms';
import { AsnConvert } from '@peculiar/asn1-schema';

/** What a device presents to the EST server, PEM. */
export interface ClientCertificate {
  readonly leafPem: string;
  readonly keyPem: string;
}

export type EstOperation = 'cacerts' | 'simpleenroll' | 'simplereenroll';

export interface EstAnswer {
  readonly status: number;
  /** The certificates of an answer 200, in their order. */
  readonly certificates: readonly X509Certificate[];
  /** The reason of any other answer. */
  readonly reason: string;
}

/** Milliseconds after which a device gives up: longer than the server waits for another delivery of the same request. */
const patience = 60_000;

/**
 * Sends one request to the EST server, over mutual TLS.
 * @param requestDer PKCS#10, for the two operations that have one
 * @param giveUpAfter milliseconds
 * @returns undefined when there was no complete answer
 */
export async function askEst(
  { leafPem, keyPem }: ClientCertificate,
  baseUrl: string,
  operation: EstOperation,
  { requestDer, giveUpAfter = patience }: { readonly requestDer?: Buffer; readonly giveUpAfter?: number } = {},
): Promise<EstAnswer | undefined> {
  const body = requestDer?.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  try {
    const asked = request(`${baseUrl}/${operation}`, {
      method: body === undefined ? 'GET' : 'POST',
      ...{ cert: leafPem, key: keyPem, agent: false, signal: AbortSignal.timeout(giveUpAfter) },
      ...(body !== undefined && {
        headers: { 'content-type': 'application/pkcs10', 'content-transfer-encoding': 'base64' },
      }),
    });
    asked.end(body);
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    const text = Buffer.concat(await Array.fromAsync(answer as AsyncIterable<Buffer>)).toString();
    const status = answer.statusCode ?? 0;
    if (status !== 200) return { status, certificates: [], reason: text };
    const type = answer.headers['content-type'] ?? '';
    if (type !== 'application/pkcs7-mime' && !type.startsWith('application/pkcs7-mime;'))
      throw new Error(`The EST server answered 200 with content type "${type}".`);
    return { status, certificates: certificatesIn(Buffer.from(text, 'base64')), reason: '' };
  } catch (error) {
    if (isBroken(error)) return undefined;
    throw error;
  }
}

/** Whether a connection ended before its answer: the host died, or the device gave up. */
function isBroken(error: unknown): boolean {
  const { name, code = '' } = error as { readonly name?: string; readonly code?: string };
  return name === 'AbortError' || ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ABORT_ERR'].includes(code);
}

/** RFC 7030, 4.1.3: a SignedData without signers. */
function certificatesIn(der: Buffer): X509Certificate[] {
  const { content } = AsnConvert.parse(der, ContentInfo);
  const { certificates = [], signerInfos } = AsnConvert.parse(content, SignedData);
  if (signerInfos.length > 0) throw new Error('The answer of the EST server has a signer.');
  return [...certificates].map((choice) => {
    if (choice.certificate === undefined)
      throw new Error('The answer of the EST server has another kind of certificate.');
    return new X509Certificate(Buffer.from(AsnConvert.serialize(choice.certificate)));
  });
}

/** SHA-256 of a public key (SubjectPublicKeyInfo), hex: it names a request, since each request has a key of its own. */
export function keyName(key: KeyObject): string {
  return createHash('sha256')
    .update(createPublicKeyOf(key).export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

const createPublicKeyOf = (key: KeyObject) => (key.type === 'private' ? createPublicKey(key) : key);
