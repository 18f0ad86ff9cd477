import 'reflect-metadata';
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import * as x509 from '@peculiar/x509';
import { createHostLab, type HostLab } from './host.ts';

interface Identity {
  readonly key: string;
  readonly cert: string;
  readonly raw: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const forged = 'Zm9yZ2Vk';
let lab: HostLab;
let ca: string;

before(async () => {
  lab = await createHostLab();
  const env = { 'AzureWebJobs.tick.Disabled': '1', 'AzureWebJobs.work.Disabled': '1' };
  const tls = join(lab.directory, 'tls');
  const secure = ['--tls', tls, '--client-certificates', 'required'];
  await lab.startHost('secure', { args: ['--port', String(lab.port), ...secure], env });
  await lab.startHost('plain', { args: ['--port', String(lab.otherPort)], env });
  ca = await readFile(join(tls, 'ca.pem'), 'utf8');
});
after(() => lab?.close());

async function identity(notAfter: Date): Promise<Identity> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const leaf = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ name: 'CN=gw-000001', notBefore: new Date('2001-01-01'), notAfter, keys, signingAlgorithm: algorithm },
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  const raw = Buffer.from(leaf.rawData).toString('base64');
  return { key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'), cert: leaf.toString('pem'), raw };
}

async function ask(secure: boolean, headers: Record<string, string | string[]> = {}, client?: Partial<Identity>) {
  const options = { host: 'localhost', path: '/api/certificate', headers, agent: false as const };
  const sent = secure
    ? httpsRequest({ ...options, port: lab.port, ca, key: client?.key, cert: client?.cert })
    : httpRequest({ ...options, port: lab.otherPort });
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return [answer.statusCode, Buffer.concat(await Array.fromAsync(answer)).toString()];
}

test('a caller without a certificate is refused before the app', async () => {
  assert.deepEqual(await ask(true), [403, '']);
  assert.deepEqual(await ask(true, { 'X-ARR-ClientCert': forged }), [403, '']);
});

test('the app gets the leaf of any other caller, expired and of no known CA', async () => {
  for (const notAfter of [new Date('2099-01-01'), new Date('2002-01-01')]) {
    const client = await identity(notAfter);
    assert.deepEqual(await ask(true, {}, client), [200, client.raw]);
  }
});

test('a header that the caller sent never reaches the app, in any case, with or without TLS', async () => {
  const client = await identity(new Date('2099-01-01'));
  for (const name of ['X-ARR-ClientCert', 'x-arr-clientcert', 'X-Arr-CLIENTCERT']) {
    assert.deepEqual(await ask(true, { [name]: forged }, client), [200, client.raw]);
    assert.deepEqual(await ask(true, { [name]: [forged, forged] }, client), [200, client.raw]);
    assert.deepEqual(await ask(false, { [name]: forged }), [200, 'none']);
  }
});

test('a certificate without its key is worth nothing', async () => {
  const [mine, other] = [await identity(new Date('2099-01-01')), await identity(new Date('2099-01-01'))];
  await assert.rejects(ask(true, {}, { cert: other.cert, key: mine.key }), {
    code: 'ERR_OSSL_X509_KEY_VALUES_MISMATCH',
  });
});

test('no session is resumed, so that each connection proves the key again', async () => {
  const client = await identity(new Date('2099-01-01'));
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const options = { host: 'localhost', port: lab.port, ca, key: client.key, cert: client.cert, maxVersion };
    const first = connect(options);
    let session: Buffer | undefined;
    first.on('session', (given) => {
      session = given;
    });
    first.end('GET /api/certificate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    await Array.fromAsync(first);
    const second = connect({ ...options, ...(session && { session }) });
    await once(second, 'secureConnect');
    assert.equal(second.isSessionReused(), false, maxVersion);
    second.destroy();
  }
});
