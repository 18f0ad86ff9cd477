import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { ChainError, parseCertificate, verifyChain } from 'fleet-emulators/dps/x509';
import { predictDpsDecision } from '../../../lib/bundle/dps-decision.ts';
import { readTar } from '../../../lib/bundle/tar.ts';
import { makeCertificate } from '../../infra/emulators/dps/certificates.ts';
import { lacks, run } from './command.ts';
import { type BundleMaker, someBundler } from './some-bundle.ts';

/** Two programs that share no code with ours read the files of a bundle. The daemons use OpenSSL, too. */
describe('the certificates of a bundle, read by other programs', () => {
  const now = new Date();

  async function unpacked(maker: BundleMaker, use: (directory: string) => void): Promise<void> {
    const directory = mkdtempSync(join(tmpdir(), 'bundle-'));
    try {
      for (const { path, body, mode } of readTar(await maker.bundle('gw-1'))) {
        const file = join(directory, path.slice('gw-1/'.length));
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, body, { mode });
      }
      writeFileSync(join(directory, 'root.pem'), maker.rootPem);
      use(directory);
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  const identity = 'certs/device-identity.full-chain.pem';
  const edgeCa = 'certs/edge-ca.full-chain.pem';

  for (const [by, delegated] of [
    ['the issuing CA', false],
    ['a delegated CA', true],
  ] as const) {
    const made = () => someBundler({ edgeCa: 'issued' }, { now, delegated });

    it(`are a chain that OpenSSL verifies strictly, signed by ${by}`, { skip: lacks('openssl') }, async () => {
      await unpacked(await made(), (directory) => {
        for (const args of [
          ['-purpose', 'sslclient', '-untrusted', identity, identity],
          ['-untrusted', edgeCa, edgeCa],
        ]) {
          const { status, output } = run('openssl', ['verify', '-x509_strict', '-CAfile', 'root.pem', ...args], {
            cwd: directory,
          });
          assert.equal(status, 0, output);
        }
      });
    });

    it(`are a chain that GnuTLS verifies, signed by ${by}`, { skip: lacks('certtool') }, async () => {
      await unpacked(await made(), (directory) => {
        for (const file of [identity, edgeCa]) {
          const args = ['--verify', '--load-ca-certificate', 'root.pem', '--infile', file];
          const { status, output } = run('certtool', args, { cwd: directory });
          assert.equal(status, 0, output);
          assert.match(output, /Chain verification output: Verified/);
        }
      });
    });

    it(`are a path that a webpki builder finds for a client, signed by ${by}`, { skip: lacksWebpki() }, async () => {
      await unpacked(await made(), (directory) => {
        const { status, output } = run('python3', ['-c', webpkiClient, 'root.pem', identity], { cwd: directory });
        assert.equal(status, 0, output);
        assert.match(output, new RegExp(`^path of ${delegated ? 4 : 3}$`, 'm'));
      });
    });

    it(`let Node in as a client of a TLS server, signed by ${by}`, async () => {
      const maker = await made();
      const files = new Map(readTar(await maker.bundle('gw-1')).map(({ path, body }) => [path.slice(5), body]));
      const [cert, key] = [files.get(identity), files.get('secrets/device-identity.key.pem')];
      assert.ok(cert && key);
      const peer = await handshake({ cert, key, ca: maker.rootPem });
      assert.deepEqual(peer, { authorized: true, commonName: 'gw-1' });
    });
  }

  for (const [target, lastCa, delegated] of [
    ['iotedge-1.6', 0, false],
    ['iotedge-1.1', 1, false],
    ['iotedge-1.6', 0, true],
    ['iotedge-1.1', 1, true],
  ] as const) {
    const by = delegated ? 'a delegated CA' : 'the issuing CA';
    it(`let the daemon of ${target} issue for its modules, below ${by}`, { skip: lacks('openssl') }, async () => {
      await unpacked(await someBundler({ target, edgeCa: 'issued' }, { now, delegated }), (directory) => {
        const openssl = (...args: string[]) => {
          const { status, output } = run('openssl', args, { cwd: directory });
          assert.equal(status, 0, output);
        };
        const issue = (name: string, extensions: string, issuer: string, key: string) => {
          writeFileSync(join(directory, 'extensions'), extensions);
          openssl(
            'req',
            '-new',
            '-newkey',
            'rsa:2048',
            '-nodes',
            '-subj',
            `/CN=${name}`,
            '-keyout',
            `${name}.key`,
            '-out',
            `${name}.csr`,
          );
          openssl(
            'x509',
            '-req',
            '-in',
            `${name}.csr`,
            '-CA',
            issuer,
            '-CAkey',
            key,
            '-CAcreateserial',
            '-extfile',
            'extensions',
            '-out',
            `${name}.pem`,
            '-days',
            '1',
          );
        };
        let [issuer, key] = [edgeCa, 'secrets/edge-ca.key.pem'];
        if (lastCa === 1) {
          // The 1.1 daemon's own CA (edgelet/iotedged/src/lib.rs).
          issue(
            'iotedged-workload-ca',
            'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=keyCertSign',
            issuer,
            key,
          );
          [issuer, key] = ['iotedged-workload-ca.pem', 'iotedged-workload-ca.key'];
        }
        issue('edgeHub', 'extendedKeyUsage=serverAuth', issuer, key);
        openssl(
          'verify',
          '-CAfile',
          'certs/trust-bundle.pem',
          '-untrusted',
          edgeCa,
          '-untrusted',
          issuer,
          'edgeHub.pem',
        );
      });
    });
  }
});

/** The path building of Python's cryptography: rules of webpki, for a client. A device certificate has no alternative name. */
const webpkiClient = `
import sys
from cryptography import x509
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store
root, chain = [x509.load_pem_x509_certificates(open(name, "rb").read()) for name in sys.argv[1:3]]
device = ExtensionPolicy.webpki_defaults_ee().may_be_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
policies = {"ca_policy": ExtensionPolicy.webpki_defaults_ca(), "ee_policy": device}
verifier = PolicyBuilder().store(Store(root)).extension_policies(**policies).build_client_verifier()
# In another order: a builder finds the path by itself.
print("path of", len(verifier.verify(chain[0], list(reversed(chain[1:]))).chain))
`;

/** @returns why the builder cannot run here, or false */
function lacksWebpki(): string | false {
  const { status } = run('python3', ['-c', 'from cryptography.x509.verification import ExtensionPolicy']);
  return status === 0 ? false : "Python's cryptography 45 or later is not installed";
}

/** A TLS server that asks for a client certificate. @returns what it saw */
async function handshake({ cert, key, ca }: { cert: Buffer; key: Buffer; ca: string }) {
  const server = await makeCertificate({ name: 'server' });
  const listener = createServer({
    cert: server.pem,
    key: server.keyPem,
    ca,
    requestCert: true,
    rejectUnauthorized: false,
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const client = connect({
    ...{ port: (listener.address() as AddressInfo).port, host: '127.0.0.1', cert, key, rejectUnauthorized: false },
  });
  try {
    const [socket] = (await once(listener, 'secureConnection')) as [TLSSocket];
    return { authorized: socket.authorized, commonName: socket.getPeerCertificate().subject.CN };
  } finally {
    client.destroy();
    listener.close();
  }
}

/** The DPS emulator has its own implementation of the rules. For one group and one chain both must agree. */
describe('the verifier and the DPS emulator', () => {
  it('decide the same about a chain', async () => {
    const now = new Date();
    const day = 86_400_000;
    const maker = await someBundler({}, { now });
    const stranger = await someBundler({}, { now });
    const leaf = (await maker.identity('gw-1')).certificatePem;
    const [issuing, root] = [maker.issuer.certificatePem, maker.rootPem];
    const other = stranger.issuer.certificatePem;
    const cases: [string, string[], Date, boolean][] = [
      ['the chain of a bundle', [leaf, issuing], now, true],
      ['with the root', [leaf, issuing, root], now, true],
      ['in another order', [leaf, root, issuing], now, true],
      ['without the issuing CA', [leaf], now, false],
      ['with another issuing CA of the same name', [leaf, other], now, false],
      ['before its time', [leaf, issuing], new Date(now.getTime() - 40 * day), false],
      ['after its time', [leaf, issuing], new Date(now.getTime() + 400 * day), false],
    ];
    for (const [what, pems, at, accepted] of cases) {
      const chain = pems.map((pem) => new X509Certificate(pem));
      assert.equal(predictDpsDecision(chain, [maker.group], at).accepted, accepted, what);
      const emulator = () =>
        verifyChain({
          presented: chain.map(({ raw }) => parseCertificate(raw)),
          verified: [parseCertificate(new X509Certificate(root).raw)],
          now: at,
        });
      if (accepted) assert.ok(emulator().length > 1, what);
      else assert.throws(emulator, ChainError, what);
    }
  });

  it('decide the same about a chain with a delegated CA, by the issuing CA', async () => {
    const now = new Date();
    const maker = await someBundler({}, { now, delegated: true });
    const leaf = (await maker.identity('gw-1')).certificatePem;
    const [issuing = '', root = ''] = maker.issuer.chainPem;
    const delegated = maker.issuer.certificatePem;
    const cases: [string, string[], boolean][] = [
      ['the chain of a bundle', [leaf, delegated, issuing], true],
      ['in another order', [leaf, issuing, delegated], true],
      ['without the delegated CA', [leaf, issuing], false],
      ['without the issuing CA', [leaf, delegated], false],
    ];
    for (const [what, pems, accepted] of cases) {
      const chain = pems.map((pem) => new X509Certificate(pem));
      const { accepted: isAccepted, text } = predictDpsDecision(chain, [maker.group], now);
      assert.equal(isAccepted, accepted, what);
      if (accepted) assert.equal(text, 'matches group "line7" by its primary issuing CA');
      const emulator = () =>
        verifyChain({
          presented: chain.map(({ raw }) => parseCertificate(raw)),
          verified: [parseCertificate(new X509Certificate(root).raw)],
          now,
        });
      if (accepted) assert.equal(emulator().length, 4, what);
      else assert.throws(emulator, ChainError, what);
    }
    const chain = [leaf, delegated, issuing].map((pem) => new X509Certificate(pem));
    const blocked = predictDpsDecision(chain, [{ ...maker.group, blockedCas: [delegated] }], now);
    assert.match(blocked.text, /^401002, because the CA "CN=line7 delegated CA", which issued it, is blocked$/);
    assert.deepEqual([blocked.accepted, blocked.group], [false, 'line7']);
  });
});
