import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { pemOf as pemOfRequest } from '../lib/pki/make-request.ts';
import { createOpensslCa } from '../openssl-ca.ts';
import { createCert, type EstServer, edgeCaRequest, estIdRequest, identityRequest } from './edge-est-client.ts';

const openssl = createOpensslCa();
after(() => openssl[Symbol.dispose]());
const ca = openssl.issue({ subject: '/CN=Test CA' });
const leafExtensions = ['basicConstraints=critical,CA:FALSE'];
const serverKey = openssl.issue({
  ...{ subject: '/CN=localhost', issuer: ca },
  extensions: [...leafExtensions, 'subjectAltName=DNS:localhost'],
});
const device = openssl.issue({ subject: '/CN=gw-1', issuer: ca, extensions: leafExtensions });
const renewed = openssl.issue({ subject: '/CN=gw-1', issuer: ca, extensions: leafExtensions });
const client = { certificatePem: device.pem, privateKeyPem: device.keyPem };

const pemOf = (pem: string) => new X509Certificate(pem).toString();

/** Base64 of a PKCS#7 that OpenSSL made, in lines of 64. */
function pkcs7(...pems: readonly string[]): string {
  const pem = openssl.openssl('crl2pkcs7', '-nocrl', '-certfile', openssl.file(pems.join('')));
  return pem.replace(/-----.*-----\n/g, '');
}

const ok = (body: string, contentType = 'application/pkcs7-mime') =>
  `HTTP/1.1 200 OK\r\nContent-Type: ${contentType}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

describe('the EST client of IoT Edge', () => {
  let server: Server;
  let est: EstServer;
  let received: { readonly text: string; readonly presented: string }[];
  let answers: { cacerts: string; simpleenroll: string };

  before(async () => {
    const tls = { key: serverKey.keyPem, cert: serverKey.pem, requestCert: true, ca: ca.pem };
    server = createServer(tls, (socket: TLSSocket) => {
      let text = '';
      socket.on('error', () => undefined);
      socket.on('data', (part: Buffer) => {
        text += part.toString('latin1');
        const [head = '', body = ''] = text.split('\r\n\r\n');
        const length = Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0);
        if (!text.includes('\r\n\r\n') || body.length < length) return;
        received.push({ text, presented: socket.getPeerX509Certificate()?.subject ?? '' });
        socket.write(text.startsWith('GET') ? answers.cacerts : answers.simpleenroll);
      });
    });
    server.listen(0, 'localhost');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    est = { url: `https://localhost:${port}/.well-known/est/line7~1`, trustedPem: ca.pem };
  });
  after(() => server.close());

  beforeEach(() => {
    received = [];
    answers = { cacerts: ok(pkcs7(ca.pem)), simpleenroll: ok(pkcs7(renewed.pem)) };
  });

  it('sends both requests byte for byte, with its certificate', async () => {
    const { csr } = identityRequest('gw-1');
    await createCert(csr, est, client);
    const { host } = new URL(est.url);
    const body = csr.toString('base64').replace(/.{1,64}/g, '$&\n');
    const post = `POST /.well-known/est/line7~1/simpleenroll HTTP/1.1\r\ncontent-type: application/pkcs10\r\ncontent-transfer-encoding: base64\r\nhost: ${host}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    const get = `GET /.well-known/est/line7~1/cacerts HTTP/1.1\r\nhost: ${host}\r\n\r\n`;
    assert.deepEqual(received.map(({ text }) => text).sort(), [get, post]);
    for (const { presented } of received) assert.equal(presented, 'CN=gw-1');
  });

  it('stores the certificate and behind it all CA certificates, in encoded order', async () => {
    answers.cacerts = ok(pkcs7(ca.pem, device.pem));
    const stored = await createCert(identityRequest('gw-1').csr, est, client);
    assert.equal(stored, [renewed.pem, ca.pem, device.pem].map(pemOf).join(''));
  });

  it('takes the answer on one line', async () => {
    answers.simpleenroll = ok(`${pkcs7(renewed.pem).replaceAll('\n', '')}\n`);
    assert.equal(await createCert(identityRequest('gw-1').csr, est, client), pemOf(renewed.pem) + pemOf(ca.pem));
  });

  it('fails when either answer is not as it must be', async () => {
    const { csr } = identityRequest('gw-1', 'ec-p256');
    const good = pkcs7(ca.pem);
    for (const [answer, message] of [
      ['HTTP/1.1 202 Accepted\r\nRetry-After: 10\r\nContent-Length: 0\r\n\r\n', /successful response: 202/],
      ['HTTP/1.1 503 Busy\r\nContent-Length: 8\r\n\r\nTry late', /successful response: 503 Try late/],
      [`HTTP/1.1 200 OK\r\nContent-Length: ${good.length}\r\n\r\n${good}`, /not contain content-type/],
      [ok(good, 'application/pkcs7-mime+x'), /unexpected content-type header/],
      [ok(good.trimEnd()), /ends with a newline/],
    ] as const) {
      for (const which of ['cacerts', 'simpleenroll'] as const) {
        const before = { ...answers };
        answers[which] = answer;
        await assert.rejects(createCert(csr, est, client), { message });
        answers = before;
      }
    }
  });
});

describe('a request of IoT Edge', () => {
  const text = (csr: Buffer) =>
    openssl.openssl('req', '-noout', '-text', '-verify', '-in', openssl.file(pemOfRequest(csr)));

  it('is RSA-2048 without extensions for the identity', () => {
    const request = text(identityRequest('gw-1').csr);
    assert.match(request, /Subject: CN = gw-1\n/);
    assert.match(request, /Public-Key: \(2048 bit\)/);
    assert.doesNotMatch(request, /X509v3/);
  });

  it('is P-256 with extKeyUsage clientAuth for the est-id', () => {
    const request = text(estIdRequest('gw-1').csr);
    assert.match(request, /NIST CURVE: P-256/);
    assert.match(request, /X509v3 Extended Key Usage: \n +TLS Web Client Authentication\n/);
  });

  it('is RSA-2048 for a CA with path length 0 for the Edge CA', () => {
    const request = text(edgeCaRequest('gw-1 edge CA').csr);
    assert.match(request, /Public-Key: \(2048 bit\)/);
    assert.match(request, /X509v3 Key Usage: critical\n +Digital Signature, Certificate Sign\n/);
    assert.match(request, /X509v3 Basic Constraints: critical\n +CA:TRUE, pathlen:0\n/);
  });
});
