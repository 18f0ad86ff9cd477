import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { ChainError, parseCertificate, verifyChain } from 'fleet-emulators/dps/x509';
import { predictDpsDecision } from '../../../lib/bundle/dps-decision.ts';
import { readTar } from '../../../lib/bundle/tar.ts';
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

  it('are a chain that OpenSSL verifies strictly', { skip: lacks('openssl') }, async () => {
    await unpacked(await someBundler({ edgeCa: 'issued' }, { now }), (directory) => {
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

  it('are a chain that GnuTLS verifies', { skip: lacks('certtool') }, async () => {
    await unpacked(await someBundler({ edgeCa: 'issued' }, { now }), (directory) => {
      for (const file of [identity, edgeCa]) {
        const args = ['--verify', '--load-ca-certificate', 'root.pem', '--infile', file];
        const { status, output } = run('certtool', args, { cwd: directory });
        assert.equal(status, 0, output);
        assert.match(output, /Chain verification output: Verified/);
      }
    });
  });

  for (const [target, lastCa] of [
    ['iotedge-1.6', 0],
    ['iotedge-1.1', 1],
  ] as const) {
    it(`let the daemon of ${target} issue the certificates of its modules`, { skip: lacks('openssl') }, async () => {
      await unpacked(await someBundler({ target, edgeCa: 'issued' }, { now }), (directory) => {
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
});
