import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as x509 from '@peculiar/x509';

/** A TLS server identity, and the CA that clients must trust. The paths are absolute if `directory` is. */
export interface LocalTls {
  readonly keyPem: string;
  readonly certPem: string;
  readonly caPem: string;
  readonly keyPath: string;
  readonly certPath: string;
  /** For NODE_EXTRA_CA_CERTS. */
  readonly caPath: string;
}

export interface LocalTlsOptions {
  /** Created on first use. The CA stays the same, so clients need to be configured once. */
  readonly directory: string;
  /** More names for the server certificate, such as the host names of emulated services. */
  readonly hostNames?: readonly string[];
  readonly now?: () => Date;
}

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const day = 86_400_000;
const caDays = 3650;
/** Some TLS stacks refuse server certificates valid for more than 398 days (CA/Browser Forum baseline requirements 6.3.2). */
const serverDays = 397;
const renewBeforeDays = 30;
/** curl accepts `*.localhost`. Node and browsers do not (only two labels), so each other name must be listed. */
const standardNames = ['localhost', '*.localhost'];
const standardAddresses = ['127.0.0.1', '::1'];

/**
 * Reads the local TLS CA and a server certificate for localhost, `*.localhost`, 127.0.0.1, ::1 and `hostNames`. Creates them if
 * they are missing. Renews the certificate 30 days before it expires, or if a name is missing. Several processes may call it at once.
 */
export async function ensureLocalTls({
  directory,
  hostNames = [],
  now = () => new Date(),
}: LocalTlsOptions): Promise<LocalTls> {
  await createOnce(directory, now());
  const paths = {
    keyPath: join(directory, 'server.key.pem'),
    certPath: join(directory, 'server.pem'),
    caPath: join(directory, 'ca.pem'),
  };
  const caPem = await readFile(paths.caPath, 'utf8');
  const keyPem = await readFile(paths.keyPath, 'utf8');
  const names = [...new Set([...standardNames, ...hostNames.map((name) => name.toLowerCase())])];
  let certPem = await readFile(paths.certPath, 'utf8').catch(() => undefined);
  if (certPem === undefined || isDue(certPem, names, now())) {
    const caKeyPem = await readFile(join(directory, 'ca.key.pem'), 'utf8');
    certPem = await issueServerCertificate({ caPem, caKeyPem, keyPem, names, now: now() });
    await replaceFile(paths.certPath, certPem);
  }
  return { ...paths, keyPem, certPem, caPem };
}

/** Creates all files in a temporary folder and renames it. So two processes that start together use the same CA. */
async function createOnce(directory: string, now: Date): Promise<void> {
  const exists = await readFile(join(directory, 'ca.pem')).then(
    () => true,
    () => false,
  );
  if (exists) return;
  await mkdir(dirname(directory), { recursive: true });
  const draft = await mkdtemp(`${directory}-`);
  try {
    const caKeys = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);
    const serverKeys = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);
    const ca = await x509.X509CertificateGenerator.createSelfSigned({
      name: 'CN=Local emulators TLS CA',
      serialNumber: randomSerial(),
      notBefore: new Date(now.getTime() - day),
      notAfter: new Date(now.getTime() + caDays * day),
      keys: caKeys,
      signingAlgorithm: ecdsa,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(caKeys.publicKey),
      ],
    });
    await writeFile(join(draft, 'ca.key.pem'), await privateKeyPem(caKeys.privateKey), { mode: 0o600 });
    await writeFile(join(draft, 'server.key.pem'), await privateKeyPem(serverKeys.privateKey), { mode: 0o600 });
    await writeFile(join(draft, 'ca.pem'), `${ca.toString('pem')}\n`);
    await rename(draft, directory);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // Another process was first. Use its files. (The error is EPERM on Windows, ENOTEMPTY or EEXIST on POSIX.)
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'EPERM') throw error;
  }
}

interface ServerCertificateRequest {
  readonly caPem: string;
  readonly caKeyPem: string;
  readonly keyPem: string;
  readonly names: readonly string[];
  readonly now: Date;
}

async function issueServerCertificate({ caPem, caKeyPem, keyPem, names, now }: ServerCertificateRequest) {
  const ca = new x509.X509Certificate(caPem);
  const signingKey = await importPrivateKey(caKeyPem);
  const publicKey = await publicKeyOf(await importPrivateKey(keyPem));
  const certificate = await x509.X509CertificateGenerator.create({
    subject: 'CN=localhost',
    issuer: ca.subject,
    serialNumber: randomSerial(),
    notBefore: new Date(now.getTime() - day),
    notAfter: new Date(Math.min(now.getTime() + serverDays * day, ca.notAfter.getTime())),
    publicKey,
    signingKey,
    signingAlgorithm: ecdsa,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...names.map((value) => ({ type: 'dns' as const, value })),
        ...standardAddresses.map((value) => ({ type: 'ip' as const, value })),
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(ca),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

function isDue(certPem: string, names: readonly string[], now: Date): boolean {
  const certificate = new x509.X509Certificate(certPem);
  if (certificate.notAfter.getTime() - now.getTime() < renewBeforeDays * day) return true;
  const alternative = certificate.getExtension(x509.SubjectAlternativeNameExtension);
  const present = new Set(alternative?.names.items.map((item) => item.value));
  return names.some((name) => !present.has(name));
}

async function replaceFile(path: string, content: string): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, content);
  await rename(draft, path);
}

/** 16 bytes with the top bit clear and the next one set: positive, and always of the same length (RFC 5280 4.1.2.2). */
function randomSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', key);
  return `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`;
}

async function importPrivateKey(pem: string): Promise<webcrypto.CryptoKey> {
  return await webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(pem), ecdsa, true, ['sign']);
}

async function publicKeyOf(privateKey: webcrypto.CryptoKey): Promise<webcrypto.CryptoKey> {
  const { kty, crv, x, y } = await webcrypto.subtle.exportKey('jwk', privateKey);
  return await webcrypto.subtle.importKey('jwk', { kty, crv, x, y } as webcrypto.JsonWebKey, ecdsa, true, ['verify']);
}
