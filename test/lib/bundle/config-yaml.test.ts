import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readConfigYaml } from '../../../lib/bundle/config-yaml.ts';
import { readTar } from '../../../lib/bundle/tar.ts';
import { someBundler } from './some-bundle.ts';

const { bundle } = await someBundler({ target: 'iotedge-1.1', edgeCa: 'issued' });
const good =
  readTar(await bundle('gw-1'))
    .find(({ path }) => path === 'gw-1/config.yaml')
    ?.body.toString() ?? '';

const refused: readonly [what: string, text: string, fault: RegExp][] = [
  ['a tab', good.replace('  source', '\tsource'), /two spaces/],
  ['a blank before a key of the first level', good.replace('provisioning:', ' provisioning:'), /line 1: indent/],
  ['id_scope, as 1.2 calls it', good.replace('scope_id', 'id_scope'), /scope_id/],
  ['no host name', good.replace(/hostname:.*\n/, ''), /hostname/],
  ['a host name with a blank', good.replace('hostname: "gw-1"', 'hostname: "gw 1"'), /hostname/],
  [
    'an identity at a path, not a URI',
    good.replace('"file:///etc/iotedge/certs/device', '"/etc/iotedge/certs/device'),
    /identity_cert/,
  ],
  ['a device CA without trusted CAs', good.replace(/ {2}trusted_ca_certs:.*\n/, ''), /certificates/],
  ['a misspelt key', good.replace('dynamic_reprovisioning', 'dynamic_reprovision'), /dynamic_reprovision/],
  ['a switch that is text', good.replace('dynamic_reprovisioning: true', 'dynamic_reprovisioning: "true"'), /dynamic/],
  ['text that is not YAML', `${good}agent: [`, /not YAML/],
];

/** Parts that the daemon can do without. */
const optional: readonly [what: string, text: string][] = [
  ['a registration id', good.replace(/ {4}registration_id:.*\n/, '')],
  ['always_reprovision_on_startup', good.replace(/ {2}always_reprovision_on_startup:.*\n/, '')],
  ['dynamic_reprovisioning', good.replace(/ {2}dynamic_reprovisioning:.*\n/, '')],
  ['certificates of an Edge CA', good.replace(/certificates:\n(?: {2}.*\n)*/, '')],
];

describe('config.yaml', () => {
  for (const [what, text] of optional) {
    it(`is accepted without ${what}`, () => {
      assert.notEqual(text, good);
      assert.deepEqual((readConfigYaml(text) as { faults?: string[] }).faults, undefined);
    });
  }
  it('is accepted as it is made', () => assert.ok('config' in readConfigYaml(good)));
  for (const [what, text, fault] of refused) {
    it(`is refused with ${what}`, () => {
      assert.notEqual(text, good);
      const read = readConfigYaml(text);
      assert.ok('faults' in read, 'it was accepted');
      assert.match(read.faults.join('\n'), fault);
    });
  }
});
