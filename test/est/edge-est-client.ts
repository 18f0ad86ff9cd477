import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { ContentInfo, id_signedData, SignedData } from '@peculiar/asn1-cms';
import { AsnConvert } from '@peculiar/asn1-schema';
import { edgeCaExtensions, estIdExtensions, makeRequestDer, type TestRequest } from '../lib/pki/make-request.ts';

/*
 * An EST client that sends what IoT Edge sends, and is as strict with the answer. Written from cert/aziot-certd (src/est.rs,
 * src/lib.rs, src/renewal.rs) of Azure/iot-identity-service and edgelet-http-workload/src/edge_ca.rs of Azure/iotedge. It uses
 * no code of this product.
 */

/** A certificate with its key, as files that a gateway has. */
export interface Credential {
  /** PEM: the certificate, and its chain if the gateway stored one. */
  readonly certificatePem: string;
  /** PEM. */
  readonly privateKeyPem: string;
}

/** The EST server as `[cert_issuance.est]` of config.toml names it. */
export interface EstServer {
  /** `urls.default`: the base URL, with or without a slash at its end. */
  readonly url: string;
  /** `trusted_certs`, PEM. */
  readonly trustedPem: string;
}

/** The server's answer is not one that IoT Edge takes. The message is what the journal of the gateway has. */
class EstError extends Error {
  readonly status: number | undefined;
  constructor(message: string, status?: number) {
    super(message);
    this.status = status;
  }
}

/**
 * Has a request signed: `simpleenroll` and `cacerts` at the same time, each on a connection of its own. If either fails, the
 * gateway has nothing.
 * @param csr PKCS#10, DER
 * @returns PEM as the gateway stores it: the certificates of `simpleenroll`, then those of `cacerts`, in encoded order
 * @throws EstError
 */
export async function createCert(csr: Buffer, server: EstServer, client: Credential): Promise<string> {
  const base = server.url.endsWith('/') ? server.url : `${server.url}/`;
  const [enrolled, caCerts] = await Promise.allSettled([
    pkcs7Response('POST', `${base}simpleenroll`, server, client, base64Lines(csr)),
    pkcs7Response('GET', `${base}cacerts`, server, client),
  ]);
  if (enrolled.status === 'rejected') throw enrolled.reason;
  if (caCerts.status === 'rejected') throw caCerts.reason;
  return [...enrolled.value, ...caCerts.value].join('');
}

/** Base64 in lines of 64 characters, each with a newline at its end. */
function base64Lines(der: Buffer): string {
  return der.toString('base64').replace(/.{1,64}/g, '$&\n');
}

async function pkcs7Response(
  method: 'POST' | 'GET',
  url: string,
  { trustedPem }: EstServer,
  { certificatePem, privateKeyPem }: Credential,
  body?: string,
): Promise<readonly string[]> {
  const response = await send(url, { method, ca: trustedPem, cert: certificatePem, key: privateKeyPem }, body);
  const { status, headers } = response;
  if (status !== 200)
    throw new EstError(`EST endpoint did not return successful response: ${status} ${response.body}`, status);
  const contentType = headers['content-type'];
  if (contentType === undefined) throw new EstError('EST response does not contain content-type header');
  if (contentType !== 'application/pkcs7-mime' && !contentType.startsWith('application/pkcs7-mime;'))
    throw new EstError(`EST response has unexpected content-type header: ${contentType}`);
  return certificatesIn(response.body);
}

interface Response {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Sends the headers of hyper, in its order and nothing else: those of the request, then `host` and `content-length`. */
function send(url: string, options: RequestOptions, body?: string): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const { host } = new URL(url);
  const headers = {
    ...(body === undefined ? {} : { 'content-type': 'application/pkcs10', 'content-transfer-encoding': 'base64' }),
    host,
    ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
  };
  const sent = request(url, { ...options, agent: false, headers });
  sent.removeHeader('connection');
  sent.on('error', reject);
  sent.on('response', (response) => {
    const parts: Buffer[] = [];
    response.on('data', (part: Buffer) => parts.push(part));
    response.on('error', reject);
    response.on('end', () => {
      sent.destroy();
      resolve({
        status: response.statusCode,
        headers: response.headers,
        body: Buffer.concat(parts).toString('latin1'),
      });
    });
  });
  sent.end(body);
  return promise;
}

/**
 * The certificates of a PKCS#7 body, PEM, in encoded order. certd puts the body between a BEGIN and an END line and has
 * OpenSSL read that, so a body that does not end with a newline is refused.
 */
function certificatesIn(body: string): string[] {
  if (!/^(?:[A-Za-z0-9+/]+\r?\n)*[A-Za-z0-9+/]+={0,2}\r?\n$/.test(body))
    throw new EstError('the body of the answer is not base64 that ends with a newline');
  const { contentType, content } = AsnConvert.parse(Buffer.from(body, 'base64'), ContentInfo);
  if (contentType !== id_signedData) throw new EstError(`the answer is a PKCS#7 of type ${contentType}`);
  const { certificates = [] } = AsnConvert.parse(content, SignedData);
  return [...certificates].map(({ certificate }) =>
    new X509Certificate(Buffer.from(AsnConvert.serialize(certificate))).toString(),
  );
}

/** A request that was made, with the key that it is for. */
export interface NewRequest {
  readonly csr: Buffer;
  readonly privateKeyPem: string;
}

export type EdgeKeyType = 'rsa-2048' | 'ec-p256';

/** `device-id`: identityd asks keyd for a key of type "rsa-2048:*". No extensions. */
export function identityRequest(registrationId: string, keyType: EdgeKeyType = 'rsa-2048'): NewRequest {
  return newRequest(keyType, { commonName: registrationId });
}

/** `est-id`: certd asks for "ec-p256:rsa-4096:*". The subject is that of the certificate which was asked for first. */
export function estIdRequest(commonName: string, keyType: EdgeKeyType = 'ec-p256'): NewRequest {
  return newRequest(keyType, { commonName, extensions: estIdExtensions });
}

/** The Edge CA: edged asks for "rsa-2048:*". The common name is that of `[edge_ca]` in config.toml. */
export function edgeCaRequest(commonName: string, keyType: EdgeKeyType = 'rsa-2048'): NewRequest {
  return newRequest(keyType, { commonName, extensions: edgeCaExtensions });
}

function newRequest(keyType: EdgeKeyType, content: Pick<TestRequest, 'commonName' | 'extensions'>): NewRequest {
  const { privateKey, publicKey } =
    keyType === 'rsa-2048'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    csr: makeRequestDer({ privateKey, publicKey, ...content }),
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** A gateway whose identity, `est-id` and Edge CA come by EST. */
export interface EdgeEstClient {
  /** The credential for the EST server. Absent: not asked for yet, or lost. */
  readonly estId: Credential | undefined;
  /** Gets a certificate for a request. Signs in with the `est-id`, and gets one first by the bootstrap identity if it has none. */
  issue(request: NewRequest): Promise<Credential>;
  /** As certd's engine does at 80 % of the life of the `est-id`: by the old one, or by the bootstrap identity once it ended. */
  renewEstId(now: Date): Promise<void>;
  /** Forgets the `est-id`, as after a new installation. */
  loseEstId(): void;
}

/**
 * @param bootstrap the identity of the bundle
 * @param commonName of `device-id` in config.toml, which the first `est-id` gets too
 */
export function createEdgeEstClient(server: EstServer, bootstrap: Credential, commonName: string): EdgeEstClient {
  let estId: Credential | undefined;

  async function enroll({ csr, privateKeyPem }: NewRequest, client: Credential): Promise<Credential> {
    return { certificatePem: await createCert(csr, server, client), privateKeyPem };
  }

  return {
    get estId() {
      return estId;
    },
    async issue(request) {
      estId ??= await enroll(estIdRequest(commonName), bootstrap);
      return enroll(request, estId);
    },
    async renewEstId(now) {
      if (estId === undefined) throw new Error('there is no est-id to renew');
      const old = new X509Certificate(estId.certificatePem);
      const oldLeaf = { ...estId, certificatePem: old.toString() };
      const renewed = await enroll(estIdRequest(commonName), old.validToDate <= now ? bootstrap : oldLeaf);
      // The engine keeps the first certificate only.
      estId = { ...renewed, certificatePem: new X509Certificate(renewed.certificatePem).toString() };
    },
    loseEstId() {
      estId = undefined;
    },
  };
}
