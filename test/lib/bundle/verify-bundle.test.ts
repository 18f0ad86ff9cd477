import assert from 'node:assert/strict';
import { hash, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { VerifierGroup } from '../../../lib/bundle/dps-decision.ts';
import { createTarTemplate, readTar, type TarFile } from '../../../lib/bundle/tar.ts';
import { verifyBundle } from '../../../lib/bundle/verify-bundle.ts';
import { FleetError } from '../../../lib/errors.ts';
import { someTime } from '../../factories.ts';
import { run } from './command.ts';
import { someBundler } from './some-bundle.ts';

const maker = await someBundler({ edgeCa: 'issued' });
const good = await maker.bundle('gw-1');
const other = await maker.bundle('gw-2');

/** The bundle with files changed, or dropped where the change gives undefined. */
function changed(
  bundle: Buffer,
  change: (file: TarFile) => Partial<{ path: string; mode: number; body: string }> | undefined,
): Buffer {
  const files = readTar(bundle).flatMap((file) => {
    const to = change(file);
    if (to === undefined) return [];
    return [
      { path: to.path ?? file.path, mode: to.mode ?? file.mode, parts: [to.body ?? file.body.toString('latin1')] },
    ];
  });
  return createTarTemplate<never>(
    files.map((file) => ({ ...file, path: file.path.split('/').slice(1).join('/') })),
  ).fill(files[0]?.path.split('/')[0] ?? '', {} as Record<never, string>);
}

const withFile = (name: string, body: (text: string) => string) =>
  changed(good, ({ path, body: old }) => (path.endsWith(name) ? { body: body(old.toString('latin1')) } : {}));
const fileOf = (bundle: Buffer, name: string) =>
  readTar(bundle)
    .find(({ path }) => path.endsWith(name))
    ?.body.toString('latin1') ?? '';

const faultsOf = (bundle: Buffer, groups = [maker.group]) =>
  verifyBundle(bundle, groups, someTime).checks.flatMap(({ name, fault }) =>
    fault === undefined ? [] : [`${name}: ${fault}`],
  );

describe('what DPS will say', () => {
  const text = (group: Partial<VerifierGroup>, bundle = good) =>
    verifyBundle(bundle, [{ ...maker.group, ...group }], someTime).dps;

  it('is a refusal when DPS is not known to trust the CA of the group, with the reason', () => {
    const untrusted = 'DPS did not have "CN=Their root" at 2026-11-01T00:00:00.000Z.';
    const { accepted, text: why } = text({ untrusted });
    assert.equal(accepted, false);
    assert.match(why, /^401002, because no verified CA issued .*DPS did not have "CN=Their root"/);
  });

  it('is a refusal when DPS does not have the group', () => {
    const { accepted, text: why, group } = text({ missing: 'DPS has another group of that name.' });
    assert.deepEqual([accepted, group], [false, 'line7']);
    assert.match(why, /^401002, because DPS does not have its group "line7": DPS has another group/);
  });

  it('is a refusal when the registration id is not the common name', () => {
    const renamed = withFile('config.toml', (toml) =>
      toml.replace(/registration_id = "gw-1"/, 'registration_id = "gw-9"'),
    );
    assert.deepEqual(text({}, renamed), {
      accepted: false,
      text: '401002, because the registration id is "gw-9", and the certificate has the common name "gw-1"',
    });
  });
});

describe('the verifier', () => {
  it('finds no fault in a good bundle', () => {
    const report = verifyBundle(good, [maker.group], someTime);
    assert.deepEqual(
      report.checks.filter(({ fault }) => fault),
      [],
    );
    assert.deepEqual(report.dps, {
      accepted: true,
      text: 'matches group "line7" by its primary issuing CA',
      group: 'line7',
    });
    assert.ok(report.ok);
    assert.equal(report.deviceId, 'gw-1');
    // A bundle that `changed` packs again is as good, so the faults found below come from the changes.
    assert.deepEqual(
      verifyBundle(
        changed(good, () => ({})),
        [maker.group],
        someTime,
      ),
      report,
    );
  });

  const chainName = 'device-identity.full-chain.pem';
  for (const [what, bundle, fault] of [
    [
      'the key of another device',
      withFile('device-identity.key.pem', () => fileOf(other, 'device-identity.key.pem')),
      /identity key is another one/,
    ],
    ['a file that is not a key', withFile('device-identity.key.pem', () => 'x'), /cannot be read/],
    [
      'the configuration of another device',
      withFile('config.toml', () => fileOf(other, 'config.toml')),
      /registration id is "gw-2", the common name of the certificate "gw-1"/,
    ],
    [
      'a configuration with a misspelt key',
      withFile('config.toml', (text) => text.replace('id_scope', 'scope_id')),
      /config\.toml is what its parser takes/,
    ],
    [
      'a chain in reverse order',
      withFile(chainName, (text) =>
        text
          .split(/(?=-----BEGIN)/)
          .reverse()
          .join(''),
      ),
      /certificate 1 is not issued by the one after it/,
    ],
    [
      'a key that others may read',
      changed(good, ({ path }) => (path.endsWith('.key.pem') ? { mode: 0o644 } : {})),
      /has mode 644/,
    ],
    [
      'a file that is missing',
      changed(good, ({ path }) => (path.endsWith('trust-bundle.pem') ? undefined : {})),
      /certs\/trust-bundle\.pem is missing/,
    ],
    [
      'the Edge CA of another device',
      withFile('edge-ca.key.pem', () => fileOf(other, 'edge-ca.key.pem')),
      /Edge CA key is another one/,
    ],
    [
      'a missing install.sh',
      changed(good, ({ path }) => (path.endsWith('install.sh') ? undefined : {})),
      /install\.sh is missing/,
    ],
  ] as const) {
    it(`finds ${what}`, () => {
      const faults = faultsOf(bundle);
      assert.match(faults.join('\n'), fault);
      assert.equal(verifyBundle(bundle, [maker.group], someTime).ok, false);
    });
  }

  it('finds a trust bundle without the root of the Edge CA', async () => {
    const stranger = await someBundler({ edgeCa: 'issued' });
    const bundle = withFile('trust-bundle.pem', () => stranger.rootPem);
    assert.match(faultsOf(bundle).join('\n'), /trust bundle does not hold its root/);
  });

  it('finds an Edge CA from which 1.1 could not issue another CA', async () => {
    const old = await someBundler({ target: 'iotedge-1.1', edgeCa: 'issued' });
    const bundle = await old.bundle('gw-1');
    assert.deepEqual(faultsOf(bundle, [old.group]), []);
    const swapped = changed(bundle, ({ path }) => {
      const name = /edge-ca\.[a-z-]+\.pem$/.exec(path)?.[0];
      return name === undefined ? {} : { body: fileOf(good, name) };
    });
    assert.match(faultsOf(swapped, [old.group]).join('\n'), /path length is 0/);
  });

  it('reads a bundle of an earlier release, which was not compressed', () => {
    assert.deepEqual(faultsOf(gunzipSync(good)), []);
  });

  it('refuses a file that is not a bundle, and a sealed one', () => {
    const refused = (pattern: RegExp) => (error: unknown) =>
      error instanceof FleetError && error.code === 'bundle-invalid' && pattern.test(error.message);
    assert.throws(() => verifyBundle(Buffer.from('hello'), [], someTime), refused(/no bundle/));
    assert.throws(() => verifyBundle(Buffer.alloc(1024), [], someTime), refused(/no config/));
    assert.throws(() => verifyBundle(good.subarray(0, 3000), [], someTime), refused(/cannot be unpacked/));
    assert.throws(() => verifyBundle(gzipSync(Buffer.alloc(5_000_000)), [], someTime), refused(/cannot be unpacked/));
    const tar = gunzipSync(good);
    assert.throws(() => verifyBundle(tar.subarray(0, 3000), [], someTime), refused(/ends in the middle|no end/));
    assert.throws(() => verifyBundle(Buffer.from([0x30, 0x82]), [], someTime), refused(/sealed/));
    const evil = changed(good, ({ path }) => ({ path: path.replace('README.md', '../../etc/passwd') }));
    assert.throws(() => verifyBundle(evil, [], someTime), refused(/outside of itself/));
    tar[0] = 0x41;
    assert.throws(() => verifyBundle(tar, [], someTime), refused(/checksum/));
  });
});

describe('the predicted answer of DPS', () => {
  const day = 86_400_000;
  const said = (groups: Parameters<typeof verifyBundle>[1], at = someTime) => verifyBundle(good, groups, at).dps.text;

  it('names the group, by its primary or its secondary issuing CA', async () => {
    const newer = await someBundler();
    const [current] = newer.group.issuingCas;
    const [before] = maker.group.issuingCas;
    assert.ok(current && before);
    const rolled = { ...maker.group, issuingCas: [current, before] };
    assert.equal(said([rolled]), 'matches group "line7" by its secondary issuing CA');
    assert.equal(said([newer.group, maker.group]), 'matches group "line7" by its primary issuing CA');
  });

  it('is a refusal once DPS no longer has the issuing CA', async () => {
    const newer = await someBundler();
    const [current] = newer.group.issuingCas;
    const [before] = maker.group.issuingCas;
    assert.ok(current && before);
    const forgotten = { ...maker.group, issuingCas: [current, current, before] };
    assert.match(said([forgotten]), /^401002, because no enrollment group holds an issuer of "CN=gw-1"$/);
  });

  it('is a refusal for a disabled group', () => {
    const disabled = { ...maker.group, provisioningStatus: 'disabled' as const };
    assert.equal(said([disabled]), '401002, because its group "line7" is disabled');
  });

  it('is a refusal for an unknown CA', async () => {
    assert.match(said([]), /^401002, because no verified CA issued/);
    const stranger = await someBundler({}, { id: 'line8' });
    assert.match(said([stranger.group]), /^401002, because no verified CA issued/);
  });

  it('follows the CAs that DPS has verified, when they are known', () => {
    const sha1 = (pem = '') => new X509Certificate(pem).fingerprint.replaceAll(':', '');
    const [issuingCa] = maker.group.issuingCas;
    const decide = (...verified: string[]) => verifyBundle(good, [maker.group], someTime, new Set(verified)).dps;
    const accepted = 'matches group "line7" by its primary issuing CA';
    assert.equal(decide(sha1(maker.rootPem)).text, accepted);
    assert.equal(decide(sha1(issuingCa?.certificatePem)).text, accepted, 'an issuing CA may be verified itself');
    for (const others of [[], ['A'.repeat(40)]]) {
      const { accepted: isAccepted, text } = decide(...others);
      assert.equal(isAccepted, false);
      assert.match(text, /^401002, because no verified CA issued .*not verified in DPS$/);
    }
  });

  it('is a refusal before and after the validity', () => {
    assert.match(
      said([maker.group], new Date(someTime.getTime() - 30 * day)),
      /401002, because "CN=gw-1" is not valid before/,
    );
    assert.match(said([maker.group], new Date(someTime.getTime() + 400 * day)), /401002, because "CN=gw-1" expired at/);
  });

  it('depends on the individual enrollment when the group has those', () => {
    const individual = { ...maker.group, enrollment: 'individual' as const };
    assert.match(said([individual]), /individual enrollment of the device/);
  });
});

describe('fleet bundle verify', () => {
  const tool = fileURLToPath(new URL('../../../cli/fleet.ts', import.meta.url));
  const view = {
    id: maker.group.id,
    definition: { enrollment: 'group', provisioningStatus: 'enabled' },
    issuingCas: maker.group.issuingCas,
  };

  it('prints the report for people or as JSON, with an exit code', () => {
    const directory = mkdtempSync(join(tmpdir(), 'verify-'));
    const verify = (...args: string[]) =>
      run(process.execPath, [tool, 'bundle', 'verify', ...args], { cwd: directory });
    try {
      writeFileSync(join(directory, 'good.tar.gz'), good);
      writeFileSync(
        join(directory, 'bad.tar.gz'),
        withFile('device-identity.key.pem', () => fileOf(other, 'device-identity.key.pem')),
      );
      writeFileSync(join(directory, 'groups.json'), JSON.stringify({ enrollmentGroups: [view] }));
      writeFileSync(join(directory, 'group.json'), JSON.stringify(view));
      const at = ['--at', someTime.toISOString()];

      const fine = verify('good.tar.gz', '--groups', 'groups.json', ...at);
      assert.equal(fine.status, 0, fine.output);
      assert.match(fine.stdout, /^gw-1: good$/m);
      assert.match(fine.stdout, /DPS will say: matches group "line7" by its primary issuing CA/);

      const sha256 = hash('sha256', good);
      assert.ok(fine.stdout.includes(`SHA-256 ${sha256}`));
      const recorded = verify('good.tar.gz', '--groups', 'groups.json', '--sha256', sha256.toUpperCase(), ...at);
      assert.equal(recorded.status, 0, recorded.output);
      const swapped = verify('good.tar.gz', '--groups', 'groups.json', '--sha256', 'a'.repeat(64), ...at);
      assert.equal(swapped.status, 1, swapped.output);
      assert.match(swapped.stdout, /FAULT {2}the file is the bundle that was recorded/);

      const bad = verify('bad.tar.gz', '--groups', 'group.json', '--json', ...at);
      assert.equal(bad.status, 1, bad.output);
      const report = JSON.parse(bad.stdout);
      assert.equal(report.ok, false);
      assert.ok(report.checks.some(({ fault }: { fault?: string }) => fault === 'the identity key is another one'));

      for (const args of [
        [],
        ['good.tar.gz'],
        ['good.tar.gz', '--groups', 'groups.json', '--sha256', 'short'],
        ['none.tar.gz', '--groups', 'groups.json'],
        ['groups.json', '--groups', 'groups.json'],
        ['good.tar.gz', '--groups', 'good.tar.gz'],
      ]) {
        const refused = verify(...args);
        assert.equal(refused.status, 2, refused.output);
        assert.equal(refused.stdout, '');
        // A message, without a stack trace or content of the file.
        assert.doesNotMatch(refused.stderr, /\n\s+at |gw-1/);
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
