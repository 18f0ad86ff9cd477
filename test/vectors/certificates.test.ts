import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { issueProofOfPossession } from '../../lib/pki/authority.ts';
import type { Authority } from '../../lib/pki/issuer.ts';
import { createDeviceIssuer, type DeviceIssuerOptions } from '../../lib/pki/device-issuer.ts';
import { newSerialNumber } from '../../lib/pki/serial.ts';
import type { CaKeyType } from '../../lib/pki/key-store.ts';
import { someTime } from '../factories.ts';
import { makeRequest } from '../lib/pki/make-request.ts';
import { someAuthority, someCaKey, someRoot, someSigner } from '../lib/pki/some-authority.ts';

/*
 * Other implementations read a certificate of every profile: OpenSSL with its strict rules of RFC 5280, GnuTLS, and Node. The
 * certificates are made here with fixed clocks, since the repository holds no keys.
 */

const directory = mkdtempSync(join(tmpdir(), 'fleet-certificates-'));
after(() => rmSync(directory, { recursive: true, force: true }));
let files = 0;
function fileOf(...pems: readonly string[]): string {
  const path = join(directory, `${++files}.pem`);
  writeFileSync(path, pems.join(''));
  return path;
}

const openssl = (...args: string[]) =>
  execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const certtool = spawnSync('certtool', ['--version']).error === undefined;
const withoutCerttool = certtool ? false : 'certtool is not installed (Debian package gnutls-bin)';

interface Vector {
  readonly pem: string;
  /** Issuers between it and the root. */
  readonly between: readonly string[];
  readonly rootPem: string;
  readonly keyPem?: string;
  /** Output of `openssl x509 -text`, in this order. */
  readonly says: readonly RegExp[];
  readonly client?: boolean;
}

const identitySays = [/CA:FALSE/, /Key Usage: critical\s+Digital Signature\n/, /TLS Web Client Authentication\n/];
const edgeCaSays = (pathLength: number) => [
  new RegExp(`critical\\s+CA:TRUE, pathlen:${pathLength}\\n`),
  /Key Usage: critical\s+Digital Signature, Certificate Sign\n/,
];

async function identities(
  authority: Authority,
  options: Partial<DeviceIssuerOptions>,
  csr?: string,
): Promise<Vector[]> {
  const issuer = createDeviceIssuer({
    ...{ issuer: authority, keyType: 'ec-p256', validityDays: 365, now: someTime, ...options },
  });
  const { edgeCa, ...identity } = await issuer.issue({ deviceId: 'gw-1', csr, serialNumber: newSerialNumber() });
  const path = { between: [authority.certificatePem], rootPem: authority.chainPem.at(-1) ?? '' };
  const { form } = options.alternativeNames ?? {};
  const name = form === 'uri' ? 'URI:urn:fleet:line7:gw-1' : 'DNS:gw-1';
  const says = form === undefined ? identitySays : [...identitySays, new RegExp(`Alternative Name: *\\n\\s+${name}\\n`)];
  const vectors: Vector[] = [
    { ...path, pem: identity.certificatePem, keyPem: identity.privateKeyPem?.toString(), says, client: true },
  ];
  if (edgeCa !== undefined) {
    const pathLength = options.edgeCa === 'edge-ca' ? 0 : 1;
    vectors.push({ ...path, pem: edgeCa.certificatePem, keyPem: edgeCa.privateKeyPem.toString(), says: edgeCaSays(pathLength) });
  }
  return vectors;
}

async function cas(rootKeyType: CaKeyType, keyType: CaKeyType, pathLength: number, now: Date): Promise<Vector[]> {
  const authority = await someAuthority({ rootKeyType, keyType, pathLength, now });
  const rootPem = authority.chainPem[0] ?? '';
  const caUsage = /Key Usage: critical\s+Certificate Sign, CRL Sign\n/;
  return [
    { pem: rootPem, between: [], rootPem, says: [/critical\s+CA:TRUE\n/, caUsage] },
    {
      ...{ pem: authority.certificatePem, between: [], rootPem },
      says: [new RegExp(`critical\\s+CA:TRUE, pathlen:${pathLength}\\n`), caUsage],
    },
  ];
}

async function proof(now: Date): Promise<Vector[]> {
  const root = await someRoot({ now });
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const verificationCode = '106A5SD242AF512B3498BD6098C4941E66R34H268DDB3288';
  const pem = await issueProofOfPossession({
    ...{ issuer: root, verificationCode, publicKey, serialNumber: newSerialNumber(), now },
  });
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const subject = new RegExp(`Subject: CN ?= ?${verificationCode}\\n`);
  return [{ pem, between: [], rootPem: root.certificatePem, keyPem, says: [subject, /CA:FALSE/] }];
}

const names = (form: 'dns' | 'uri') => ({ form, group: 'line7' });

function vectors(now: Date): [string, () => Promise<Vector[]>][] {
  const device = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const under = (pathLength: number) => someAuthority({ pathLength, now });
  return [
    ['root and issuing CA, P-256', () => cas('ec-p256', 'ec-p256', 0, now)],
    ['root of P-384, issuing CA of P-256 for Edge CAs', () => cas('ec-p384', 'ec-p256', 1, now)],
    ['root and issuing CA, RSA-4096, for Edge CAs of 1.1', () => cas('rsa-4096', 'rsa-4096', 2, now)],
    ['root of P-256, issuing CA of P-384', () => cas('ec-p256', 'ec-p384', 0, now)],
    ['identity of P-256', async () => identities(await under(0), { now })],
    ['identity of RSA-2048', async () => identities(await under(0), { keyType: 'rsa-2048', now })],
    ['identity with a DNS name', async () => identities(await under(0), { alternativeNames: names('dns'), now })],
    [
      'identity of RSA-2048 with a URI',
      async () => identities(await under(0), { keyType: 'rsa-2048', alternativeNames: names('uri'), now }),
    ],
    [
      'identity by request',
      async () => identities(await under(0), { now }, makeRequest({ ...device, commonName: 'gw-1' })),
    ],
    ['identity and Edge CA', async () => identities(await under(1), { edgeCa: 'edge-ca', now })],
    ['identity and device CA of 1.1', async () => identities(await under(2), { edgeCa: 'edge-device-ca-1.1', now })],
    [
      'identity under RSA-4096 under P-384',
      async () => identities(await someAuthority({ rootKeyType: 'ec-p384', keyType: 'rsa-4096', now }), { now }),
    ],
    ['proof of possession', () => proof(now)],
  ];
}

function checkByOpenssl({ pem, between, rootPem, says, client }: Vector, now: Date): void {
  const file = fileOf(pem);
  const untrusted = between.length > 0 ? ['-untrusted', fileOf(...between)] : [];
  const purpose = client ? ['-purpose', 'sslclient'] : [];
  const at = ['-attime', String(Math.floor(now.getTime() / 1000))];
  openssl('verify', '-x509_strict', '-check_ss_sig', ...at, ...purpose, '-CAfile', fileOf(rootPem), ...untrusted, file);
  const text = openssl('x509', '-noout', '-text', '-in', file);
  for (const expected of says) assert.match(text, expected);

  // RFC 5280 4.1.2.5, read from the bytes.
  const times = openssl('asn1parse', '-in', file).matchAll(/(UTCTIME|GENERALIZEDTIME) +:(\d+Z)/g);
  const { validFromDate, validToDate } = new X509Certificate(pem);
  const encodings = [validFromDate, validToDate].map((date) =>
    date.getUTCFullYear() < 2050 ? 'UTCTIME' : 'GENERALIZEDTIME',
  );
  assert.deepEqual(
    Array.from(times, ([, encoding]) => encoding),
    encodings,
  );
}

function checkByNode({ pem, between: [issuerPem], rootPem, keyPem }: Vector): void {
  const certificate = new X509Certificate(pem);
  const issuer = new X509Certificate(issuerPem ?? rootPem);
  assert.ok(certificate.checkIssued(issuer));
  assert.ok(certificate.verify(issuer.publicKey));
  if (keyPem !== undefined) assert.ok(certificate.checkPrivateKey(createPrivateKey(keyPem)));
}

const clocks: [string, Date][] = [
  ['in 2026', someTime],
  ['on the last day of February 2028', new Date('2028-02-29T23:59:59.500Z')],
  ['half an hour before 2050', new Date('2049-12-31T23:30:00Z')],
  ['after 2050', new Date('2050-01-01T12:00:00Z')],
];

for (const [when, now] of clocks) {
  describe(`certificates made ${when}`, () => {
    for (const [name, make] of vectors(now)) {
      it(`are good to OpenSSL and Node: ${name}`, async () => {
        for (const vector of await make()) {
          checkByOpenssl(vector, now);
          checkByNode(vector);
        }
      });
    }
  });
}

describe('certificates made now', () => {
  for (const [name, make] of vectors(new Date())) {
    it(`are good to GnuTLS: ${name}`, { skip: withoutCerttool }, async () => {
      for (const { pem, between, rootPem } of await make()) {
        const chain = fileOf(pem, ...between, rootPem);
        const verdict = execFileSync(
          'certtool',
          ['--verify', '--verify-profile=medium', '--load-ca-certificate', fileOf(rootPem), '--infile', chain],
          { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
        );
        assert.match(verdict, /Chain verification output: Verified\. The certificate is trusted\./);
        const info = execFileSync('certtool', ['--certificate-info', '--infile', fileOf(pem)], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        assert.match(info, /Version: 3\n/);
        assert.doesNotMatch(info, /warning|error|unknown/i);
      }
    });
  }
});

/**
 * The verifier of Python's cryptography (Rust), which is strict about RFC 5280 and refuses a client without a subject alternative
 * name. ClientVerifier is in version 43 and later; the one of Debian 12 is older.
 */
const pythonVerifier = `
import sys
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store
leaf, *between = x509.load_pem_x509_certificates(open(sys.argv[1], 'rb').read())
roots = x509.load_pem_x509_certificates(open(sys.argv[2], 'rb').read())
verified = PolicyBuilder().store(Store(roots)).build_client_verifier().verify(leaf, between)
print(type(verified.subjects[0]).__name__, verified.subjects[0].value, len(verified.chain))
`;
/** The interpreter that has it: .ci/run may have installed one. */
const interpreter = process.env['VERIFIER_PYTHON'] ?? 'python3';
const python = spawnSync(interpreter, ['-c', 'from cryptography.x509.verification import ClientVerifier'], { encoding: 'utf8' });
const withoutPython = python.status === 0 ? false : 'cryptography 43 or later is not installed for python3 (pip install cryptography)';

function verdictOfPython({ pem, between, rootPem }: Vector) {
  return spawnSync(interpreter, ['-c', pythonVerifier, fileOf(pem, ...between), fileOf(rootPem)], { encoding: 'utf8' });
}

describe('identities and the client verifier of Python', { skip: withoutPython }, () => {
  const now = new Date();
  for (const keyType of ['ec-p256', 'rsa-2048'] as const) {
    for (const [form, subject] of [
      ['dns', 'DNSName gw-1 3\n'],
      ['uri', 'UniformResourceIdentifier urn:fleet:line7:gw-1 3\n'],
    ] as const) {
      it(`are good with subjectAltName "${form}" (${keyType})`, async () => {
        const options = { keyType, alternativeNames: names(form), now };
        const [vector = assert.fail()] = await identities(await someAuthority({ now }), options);
        const { status, stdout, stderr } = verdictOfPython(vector);
        assert.deepEqual([status, stdout], [0, subject], stderr);
      });
    }
  }

  it('are refused without one: the reason for the setting', async () => {
    const [vector = assert.fail()] = await identities(await someAuthority({ now }), { now });
    const { status, stderr } = verdictOfPython(vector);
    assert.notEqual(status, 0);
    // The object identifier of the extension.
    assert.match(stderr, /2\.5\.29\.17: Certificate is missing required extension/);
  });
});

/** The certificates that the device issues with its CA, by OpenSSL as on the device. */
describe('an Edge CA on its device', () => {
  const caExtensions = 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n';
  const serverExtensions =
    'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n';
  const identifiers = 'subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid:always\n';

  function sign(
    name: string,
    extensions: string,
    issuer: { pem: string; keyPem: string },
  ): { pem: string; keyPem: string } {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const request = fileOf(openssl('req', '-new', '-key', fileOf(keyPem), '-subj', `/CN=${name}`));
    const issuerFiles = ['-CA', fileOf(issuer.pem), '-CAkey', fileOf(issuer.keyPem), '-set_serial', '0x4711'];
    const pem = openssl(
      'x509',
      '-req',
      '-in',
      request,
      '-days',
      '2',
      ...issuerFiles,
      '-extfile',
      fileOf(extensions + identifiers),
    );
    return { pem, keyPem };
  }

  async function edgeCaOf(pathLength: number, edgeCa: DeviceIssuerOptions['edgeCa']) {
    const [, vector] = await identities(await someAuthority({ pathLength, now: new Date() }), {
      edgeCa,
      now: new Date(),
    });
    assert.ok(vector?.keyPem);
    return { pem: vector.pem, keyPem: vector.keyPem, path: vector.between, rootPem: vector.rootPem };
  }

  const verify = (leaf: string, path: readonly string[], rootPem: string) =>
    openssl(
      'verify',
      '-x509_strict',
      '-purpose',
      'sslserver',
      '-CAfile',
      fileOf(rootPem),
      '-untrusted',
      fileOf(...path),
      fileOf(leaf),
    );

  it('signs server certificates of modules (1.2 and later)', async () => {
    const edge = await edgeCaOf(1, 'edge-ca');
    const server = sign('gw-1', serverExtensions, edge);
    verify(server.pem, [edge.pem, ...edge.path], edge.rootPem);
  });

  it('signs the daemon’s workload CA, which signs those (1.1)', async () => {
    const edge = await edgeCaOf(2, 'edge-device-ca-1.1');
    const workload = sign('iotedged workload ca', caExtensions, edge);
    const server = sign('gw-1', serverExtensions, workload);
    verify(server.pem, [workload.pem, edge.pem, ...edge.path], edge.rootPem);
  });

  it('of 1.2 could not do so on 1.1', async () => {
    const edge = await edgeCaOf(1, 'edge-ca');
    const workload = sign('iotedged workload ca', caExtensions, edge);
    const server = sign('gw-1', serverExtensions, workload);
    assert.throws(
      () => verify(server.pem, [workload.pem, edge.pem, ...edge.path], edge.rootPem),
      /path length constraint exceeded/,
    );
  });
});

/** An imported CA may have any name that X.509 allows, and verifiers build chains by comparing names. */
describe('a CA with an elaborate name', () => {
  for (const mask of ['utf8only', 'default', 'pkix', 'nombstr']) {
    it(`has its own name, octet for octet, in the certificates that it issues (string_mask ${mask})`, async () => {
      const config = fileOf(
        `[req]\nprompt=no\nstring_mask=${mask}\ndistinguished_name=dn\nx509_extensions=v3\n`,
        '[dn]\nC=DE\nO=Contoso Gerät GmbH\nOU=Fabrik 7\nemailAddress=ca@example.com\n+CN=Line CA\nserialNumber=4711\n',
        '[v3]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n',
      );
      const signer = someSigner();
      const keyFile = fileOf(someCaKey().export({ type: 'pkcs8', format: 'pem' }).toString());
      const rootPem = openssl('req', '-x509', '-new', '-key', keyFile, '-utf8', '-config', config, '-days', '1000');
      // OpenSSL does not backdate its CA, so no certificate may be issued before the CA begins.
      const now = new Date(Date.now() + 60_000);
      const issuer = { certificatePem: rootPem, signer, chainPem: [] };
      const deviceIssuer = createDeviceIssuer({ issuer, keyType: 'ec-p256', validityDays: 30, now });
      const { certificatePem: pem } = await deviceIssuer.issue({ deviceId: 'gw-1', serialNumber: newSerialNumber() });
      const vector = { pem, between: [], rootPem, says: identitySays, client: true };
      checkByOpenssl(vector, now);
      checkByNode(vector);
    });
  }
});
