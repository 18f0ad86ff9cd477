import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { parse as parseToml } from 'smol-toml';
import { extract } from 'tar-stream';
import { parse as parseYaml } from 'yaml';
import { createBundler } from '../../../lib/bundle/bundler.ts';
import { readConfigToml } from '../../../lib/bundle/config-toml.ts';
import { readTar } from '../../../lib/bundle/tar.ts';
import { deviceId as deviceIdRule } from '../../../lib/devices/ids.ts';
import { FleetError } from '../../../lib/errors.ts';
import type { GroupDefinition } from '../../../lib/groups/definition.ts';
import { encodePrivateKeyPem } from '../../../lib/pki/private-key-pem.ts';
import { someGroup, someTime } from '../../factories.ts';
import fc from '../../fast-check.ts';
import { lacks, run } from './command.ts';
import { someBundler, someDps } from './some-bundle.ts';

const filesOf = (tar: Buffer) => new Map(readTar(tar).map((file) => [file.path, file]));
const textOf = (tar: Buffer, path: string) => filesOf(tar).get(path)?.body.toString() ?? '';

describe('a bundle', () => {
  it('holds the files of its target, with modes, in its own folder', async () => {
    const { bundle } = await someBundler({ edgeCa: 'issued' });
    const listed = readTar(await bundle('gw-1')).map(({ path, mode }) => `${mode.toString(8)} ${path}`);
    assert.deepEqual(listed, [
      '644 gw-1/README.md',
      '755 gw-1/install.sh',
      '644 gw-1/config.toml',
      '644 gw-1/certs/device-identity.full-chain.pem',
      '600 gw-1/secrets/device-identity.key.pem',
      '644 gw-1/certs/edge-ca.full-chain.pem',
      '600 gw-1/secrets/edge-ca.key.pem',
      '644 gw-1/certs/trust-bundle.pem',
    ]);
  });

  it('reads the same in two other tar readers', { skip: lacks('tar') }, async () => {
    const { bundle } = await someBundler();
    const packed = await bundle('a'.repeat(64));
    const ours = readTar(packed).map(({ path, mode, body }) => ({ path, mode, body: body.toString() }));
    const theirs = [];
    for await (const entry of Readable.from([gunzipSync(packed)]).pipe(extract())) {
      const body = Buffer.concat(await Array.fromAsync(entry as AsyncIterable<Buffer>)).toString();
      theirs.push({ path: entry.header.name, mode: entry.header.mode, body });
    }
    assert.deepEqual(theirs, ours);

    const directory = await mkdtemp(join(tmpdir(), 'bundle-'));
    try {
      await writeFile(join(directory, 'b.tar.gz'), packed);
      const listing = run('tar', ['-tzf', 'b.tar.gz'], { cwd: directory });
      assert.equal(listing.stderr, '');
      assert.deepEqual(
        listing.stdout.trim().split('\n'),
        ours.map(({ path }) => path),
      );
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('is the same for the same identity, and holds nothing of another device', async () => {
    const { bundler, identity } = await someBundler();
    const [one, two] = [await identity('gw-1'), await identity('gw-2')];
    const first = await bundler.bundle({ deviceId: 'gw-1', identity: one });
    const second = await bundler.bundle({ deviceId: 'gw-2', identity: two });
    assert.deepEqual(await bundler.bundle({ deviceId: 'gw-1', identity: one }), first);
    const other = gunzipSync(second);
    assert.ok(!other.includes('gw-1'));
    assert.ok(other.includes(two.privateKeyPem ?? '?'));
    assert.ok(!other.includes(one.privateKeyPem ?? '?'));
  });

  it('holds the chain, leaf first and without the root, and its key', async () => {
    const { bundle, issuer } = await someBundler();
    const tar = await bundle('gw-1');
    const chain =
      textOf(tar, 'gw-1/certs/device-identity.full-chain.pem').match(/-----BEGIN[\s\S]+?-----END.*\n/g) ?? [];
    const [leaf, above, ...others] = chain.map((pem) => new X509Certificate(pem));
    assert.ok(leaf && above);
    assert.equal(others.length, 0);
    assert.equal(above.fingerprint256, new X509Certificate(issuer.certificatePem).fingerprint256);
    assert.ok(leaf.verify(above.publicKey));
    assert.ok(leaf.checkPrivateKey(createPrivateKey(textOf(tar, 'gw-1/secrets/device-identity.key.pem'))));
  });
});

describe('any device id', () => {
  const ids = fc.stringMatching(deviceIdRule);

  it('is in config.toml, config.yaml and device.json unchanged', async () => {
    const toml = await someBundler();
    const yaml = await someBundler({ target: 'iotedge-1.1' });
    const json = await someBundler({ target: 'dps-device' });
    await fc.assert(
      fc.asyncProperty(ids, async (id) => {
        const config = parseToml(textOf(await toml.bundle(id), `${id}/config.toml`)) as Record<string, never>;
        assert.equal(config['provisioning']?.['attestation']?.['registration_id'], id);
        const old = parseYaml(textOf(await yaml.bundle(id), `${id}/config.yaml`));
        assert.equal(old.provisioning.attestation.registration_id, id);
        assert.equal(old.hostname, id);
        assert.equal(JSON.parse(textOf(await json.bundle(id), `${id}/device.json`)).registrationId, id);
      }),
      // Ids that YAML or TOML would read as another type without quotes.
      {
        numRuns: 60,
        examples: [['1'], ['0x1f'], ['1e5'], ['true'], ['null'], ['no'], ['2026-11-24'], ['1.0'], ['a'.repeat(64)]],
      },
    );
  });

  it('is not the common name of an Edge CA, which has at most 64 characters', async () => {
    const est = { url: 'https://est.example.com/.well-known/est' };
    const { bundle } = await someBundler({ edgeCa: 'est', est });
    await fc.assert(
      fc.asyncProperty(ids, async (id) => {
        const read = readConfigToml(textOf(await bundle(id), `${id}/config.toml`));
        assert.ok('config' in read && read.config.edge_ca !== undefined && 'method' in read.config.edge_ca);
        const name = read.config.edge_ca.common_name ?? '';
        assert.notEqual(name, id);
        assert.ok(name.length <= 64 && name.length > 0);
      }),
      { numRuns: 40 },
    );
  });
});

describe('a bundle that would not work', () => {
  const refused = (pattern: RegExp) => (error: unknown) =>
    error instanceof FleetError &&
    error.code === 'bundle-invalid' &&
    pattern.test(error.message) &&
    !/BEGIN/.test(error.message);

  it('is not made with the key of another device', async () => {
    const { bundler, identity } = await someBundler();
    const [one, two] = [await identity('gw-1'), await identity('gw-2')];
    const mixed = { ...one, privateKeyPem: two.privateKeyPem ?? Buffer.of() };
    assert.throws(() => bundler.bundle({ deviceId: 'gw-1', identity: mixed }), refused(/identity key is not the one/));
    const broken = { ...one, privateKeyPem: Buffer.from('not a key') };
    assert.throws(() => bundler.bundle({ deviceId: 'gw-1', identity: broken }), refused(/cannot be read/));
  });

  it('is not made with the right point beside another scalar', async () => {
    const { bundler, identity } = await someBundler();
    const [one, two] = [await identity('gw-1'), await identity('gw-2')];
    const der = ({ privateKeyPem = Buffer.of() }: typeof one) =>
      createPrivateKey(privateKeyPem).export({ type: 'pkcs8', format: 'der' });
    // RFC 5915: the point is the last 65 octets.
    const patched = Buffer.concat([der(two).subarray(0, -65), der(one).subarray(-65)]);
    const privateKeyPem = encodePrivateKeyPem(patched);
    assert.throws(
      () => bundler.bundle({ deviceId: 'gw-1', identity: { ...one, privateKeyPem } }),
      refused(/identity key is not the one/),
    );
  });

  it('is not made with another RSA key', async () => {
    const { bundler, identity } = await someBundler({ keyType: 'rsa-2048' });
    const [one, two] = [await identity('gw-1'), await identity('gw-2')];
    assert.ok(await bundler.bundle({ deviceId: 'gw-1', identity: one }));
    const mixed = { ...one, privateKeyPem: two.privateKeyPem ?? Buffer.of() };
    assert.throws(() => bundler.bundle({ deviceId: 'gw-1', identity: mixed }), refused(/identity key/));
  });

  it('is not made for another name or from another CA', async () => {
    const { bundler, identity } = await someBundler();
    const own = await identity('gw-1');
    assert.throws(() => bundler.bundle({ deviceId: 'gw-2', identity: own }), refused(/common name/));
    const stranger = await someBundler({}, { id: 'line8' });
    const foreign = await stranger.identity('gw-1');
    assert.throws(() => bundler.bundle({ deviceId: 'gw-1', identity: foreign }), refused(/issuing CA/));
  });

  it('is not made from a CA that only has the same name, for the first device or the next', async () => {
    const { bundler, identity } = await someBundler();
    const stranger = await someBundler();
    const foreign = await stranger.identity('gw-1');
    // The check of the values passes. The whole bundle is verified, until one of the same lengths was good.
    for (let time = 1; time <= 2; time++)
      assert.throws(() => bundler.bundle({ deviceId: 'gw-1', identity: foreign }), refused(/is not issued by the one/));
    assert.ok(await bundler.bundle({ deviceId: 'gw-1', identity: await identity('gw-1') }));
  });

  it('is not made with a key that it must not hold, or without one that it must hold', async () => {
    const { bundler, identity } = await someBundler();
    const { privateKeyPem, ...keyless } = await identity('gw-1');
    assert.ok(privateKeyPem);
    assert.throws(() => bundler.bundle({ deviceId: 'gw-1', identity: keyless }), refused(/must hold a private key/));
    const device = await someBundler({ keyCustody: 'device' });
    const keyed = await device.identity('gw-1');
    assert.throws(() => device.bundler.bundle({ deviceId: 'gw-1', identity: keyed }), refused(/must not hold/));
  });

  it('is not made without the Edge CA that its configuration names', async () => {
    const { bundler, identity } = await someBundler({ edgeCa: 'issued' });
    const { edgeCa, ...rest } = await identity('gw-1');
    assert.ok(edgeCa);
    assert.throws(() => bundler.bundle({ deviceId: 'gw-1', identity: rest }), refused(/Edge CA/));
  });
});

describe('a group whose bundles could not work', () => {
  it('is refused when it is opened, with every fault', async () => {
    const { issuer } = await someBundler();
    const stranger = await someBundler();
    const options = {
      group: someGroup(),
      chainPem: [issuer.certificatePem],
      rootPem: stranger.rootPem,
      dps: { idScope: '', globalEndpoint: 'global.azure-devices-provisioning.net' },
      now: new Date('2050-01-01T00:00:00Z'),
    };
    await assert.rejects(createBundler(options), (error) => {
      assert.ok(error instanceof FleetError && error.code === 'group-invalid');
      const paths = error.details.faults?.map(({ path }) => path);
      // The CA is not issued by that root, both have expired, and the daemon refuses two settings.
      assert.deepEqual(paths, ['chain.0', 'chain.0', 'root', 'config.toml', 'config.toml']);
      return true;
    });
  });

  it('is not refused because an earlier release stored its definition', async () => {
    const { issuer, rootPem, identity } = await someBundler();
    const { edgeCa, trustBundle, ...stored } = someGroup();
    assert.ok(edgeCa && trustBundle);
    const bundler = await createBundler({
      ...{ group: stored as GroupDefinition, chainPem: [issuer.certificatePem], rootPem, dps: someDps, now: someTime },
    });
    assert.ok(await bundler.bundle({ deviceId: 'gw-1', identity: await identity('gw-1') }));
  });

  it('is not refused for CAs with text around their PEM', async () => {
    const { rootPem } = await someBundler();
    const { bundle } = await someBundler({ trustBundle: [`Bag Attributes\n    friendlyName: Größe\n${rootPem}`] });
    assert.equal(textOf(await bundle('gw-1'), 'gw-1/certs/trust-bundle.pem'), rootPem);
  });

  it('is refused for IoT Edge 1.1 when the chain ends in 2038 or later', async () => {
    const target = 'iotedge-1.1';
    await assert.rejects(someBundler({ target }, { caDays: 4200, rootDays: 4300 }), /line7 issuing CA 1.*2038/);
    // A device that makes its Edge CA itself does not get the root.
    assert.ok(await someBundler({ target }, { rootDays: 6000 }));
    await assert.rejects(someBundler({ target, edgeCa: 'issued' }, { rootDays: 6000 }), /Test root CA.*2038/);
    assert.ok(await someBundler({ target, edgeCa: 'issued' }));
  });
});
