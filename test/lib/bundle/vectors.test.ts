import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readTar } from '../../../lib/bundle/tar.ts';
import { verifyBundle } from '../../../lib/bundle/verify-bundle.ts';
import type { GroupInput } from '../../../lib/groups/definition.ts';
import { someTime } from '../../factories.ts';
import { request } from './request.ts';
import { someBundler } from './some-bundle.ts';

/*
 * The text files of each target, character by character, are in test/vectors/bundles. After an intended change run
 * node --test --test-update-snapshots test/lib/bundle/vectors.test.ts, and read the difference.
 */

const est = { url: 'https://est.example.com/.well-known/est' };

const vectors: Record<string, Partial<GroupInput>> = {
  'iotedge-1.6': {},
  'iotedge-1.6-edge-ca': { edgeCa: 'issued', autoReprovisioningMode: 'AlwaysOnStartup' },
  'iotedge-1.6-est': { edgeCa: 'est', est: { ...est, identity: true, threshold: '10day', retry: '30min' } },
  'iotedge-1.6-device-key': { keyCustody: 'device' },
  'iotedge-1.6-pkcs11': {
    keyCustody: 'device',
    keyUri: 'pkcs11:token=edge;object=device-key',
    pkcs11: { libraryPath: '/usr/lib/libtpm2_pkcs11.so', baseSlot: 'pkcs11:token=edge' },
  },
  'iotedge-1.5': { target: 'iotedge-1.5' },
  'iotedge-1.4-est-edge-ca': { target: 'iotedge-1.4', edgeCa: 'est', est },
  'iotedge-1.2': { target: 'iotedge-1.2', agentImage: 'registry.example.com:5000/edge-agent:1.2.10' },
  'iotedge-1.2-est-edge-ca': { target: 'iotedge-1.2', edgeCa: 'est', est },
  'iotedge-1.1': { target: 'iotedge-1.1' },
  'iotedge-1.1-edge-ca': { target: 'iotedge-1.1', edgeCa: 'issued', autoReprovisioningMode: 'OnErrorOnly' },
  'dps-device': { target: 'dps-device' },
};

const vectorFile = (name: string) => fileURLToPath(new URL(`../../vectors/bundles/${name}`, import.meta.url));
const asItIs = { serializers: [(value: unknown) => String(value)] };

describe('the bundle of each target', () => {
  for (const [name, input] of Object.entries(vectors)) {
    it(name, async (t) => {
      const { bundle, group } = await someBundler(input);
      const tar = await bundle('gw-000001', input.keyCustody === 'device' ? request('gw-000001') : undefined);
      for (const { path, body } of readTar(tar)) {
        const file = path.slice('gw-000001/'.length);
        // Keys and certificates differ each time, and install-script.test.ts runs the script.
        if (/^(?:README\.md|config\.\w+|device\.json)$/.test(file))
          t.assert.fileSnapshot(body.toString(), vectorFile(`${name}.${file}`), asItIs);
      }
      const report = verifyBundle(tar, [group], someTime);
      assert.deepEqual(
        report.checks.filter(({ fault }) => fault),
        [],
      );
      assert.equal(report.dps.text, 'matches group "line7" by its primary issuing CA');
      assert.ok(report.ok);
    });
  }
});

describe('the bundle of each target, signed by a delegated CA', () => {
  for (const [name, input] of Object.entries(vectors)) {
    it(`${name} differs in certificate chains only`, async () => {
      const csr = input.keyCustody === 'device' ? request('gw-000001') : undefined;
      const filesOf = async (delegated: boolean) => {
        const maker = await someBundler(input, { delegated });
        return new Map(readTar(await maker.bundle('gw-000001', csr)).map(({ path, ...file }) => [path, file]));
      };
      const [direct, delegated] = [await filesOf(false), await filesOf(true)];
      assert.deepEqual([...delegated.keys()], [...direct.keys()]);
      for (const [path, { body, mode }] of delegated) {
        const before = direct.get(path);
        assert.equal(mode, before?.mode, path);
        if (/^[^/]+\/(?:certs|secrets)\//.test(path)) {
          const more = path.endsWith('.full-chain.pem') ? 1 : 0;
          assert.equal(countOf(body), countOf(before?.body) + more, path);
        } else {
          assert.equal(body.toString(), before?.body.toString(), path);
        }
      }
    });
  }
});

const countOf = (body: Buffer | undefined) => body?.toString().match(/-----BEGIN/g)?.length ?? 0;
