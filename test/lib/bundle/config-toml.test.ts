import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { edgeConfigToml, readConfigToml } from '../../../lib/bundle/config-toml.ts';
import { edgeTargets } from '../../../lib/bundle/targets.ts';
import { type GroupInput, parseGroupDefinition } from '../../../lib/groups/definition.ts';
import { someDps } from './some-bundle.ts';

const provisioning = `
[provisioning]
source = "dps"
global_endpoint = "https://global.azure-devices-provisioning.net"
id_scope = "0ne00000000"

[provisioning.attestation]
method = "x509"
registration_id = "gw-1"
`;
const files = `identity_cert = "file:///var/aziot/certs/a.pem"
identity_pk = "file:///var/aziot/secrets/a.key.pem"
`;
const good = provisioning + files;

/** Files that the daemon refuses, or accepts and ignores in part. Each is from its template, its documentation or an issue. */
const refused: readonly [what: string, text: string, fault: RegExp][] = [
  [
    'auto_reprovisioning_mode without quotes (template.toml of IoT Edge 1.2)',
    `auto_reprovisioning_mode = Dynamic\n${good}`,
    /line 1: not TOML/,
  ],
  [
    'auto_reprovisioning_mode below a table, where it belongs to that table',
    `${good}\n[agent]\nname = "edgeAgent"\ntype = "docker"\nauto_reprovisioning_mode = "Dynamic"\n[agent.config]\nimage = "a"\n`,
    /agent: .*auto_reprovisioning_mode/,
  ],
  ['a mode in lower case', `auto_reprovisioning_mode = "dynamic"\n${good}`, /auto_reprovisioning_mode: /],
  [
    'threshold = "10d" (documentation of EST renewal)',
    `${provisioning}[provisioning.attestation.identity_cert]\nmethod = "est"\ncommon_name = "gw-1"\nauto_renew = { rotate_key = true, threshold = "10d", retry = "4%" }\n`,
    /identity_cert\.auto_renew\.threshold: "N%"/,
  ],
  [
    'threshold = "100%"',
    `${provisioning}[provisioning.attestation.identity_cert]\nmethod = "est"\nauto_renew = { rotate_key = true, threshold = "100%", retry = "4%" }\n`,
    /threshold/,
  ],
  [
    'retry = "0min"',
    `${provisioning}[provisioning.attestation.identity_cert]\nmethod = "est"\nauto_renew = { rotate_key = true, threshold = "80%", retry = "0min" }\n`,
    /retry/,
  ],
  [
    '[provisioning.authentication.identity_cert] under DPS (documentation of config.toml)',
    `${good}\n[provisioning.authentication.identity_cert]\nmethod = "est"\ncommon_name = "gw-1"\n`,
    /provisioning: .*authentication/,
  ],
  [
    'a symmetric key that is not a table (MicrosoftDocs/azure-docs #90045)',
    good.replace('"x509"', '"symmetric_key"').replace(files, 'symmetric_key = "c2VjcmV0"\n'),
    /symmetric_key/,
  ],
  ['scope_id, as 1.1 called it', good.replace('id_scope', 'scope_id'), /id_scope|scope_id/],
  [
    'an identity certificate at a path, not a URI',
    good.replace('file:///var/aziot/certs', '/var/aziot/certs'),
    /identity_cert/,
  ],
  [
    'an identity certificate in a token',
    good.replace('file:///var/aziot/certs/a.pem', 'pkcs11:object=a'),
    /identity_cert/,
  ],
  ['an identity without its key', good.replace(/identity_pk.*\n/, ''), /identity_pk/],
  ['an endpoint that is not a URL', good.replace('https://', ''), /global_endpoint/],
  ['a misspelt key', `${good}\n[edge_ca]\ncert = "file:///a"\npkey = "file:///b"\n`, /edge_ca/],
  ['an agent without a name', `${good}\n[agent.config]\nimage = "a"\n`, /agent\.name/],
  ['a key twice', `${good}identity_pk = "file:///b"\n`, /not TOML/],
];

/** Files that it accepts, from its own test files and template. */
const taken: readonly [what: string, text: string][] = [
  ['nothing optional', good],
  ['an identity without a registration id', good.replace(/registration_id.*\n/, '')],
  [
    'a key in a token',
    good.replace('file:///var/aziot/secrets/a.key.pem', 'pkcs11:slot-id=0;object=device%20id?pin-value=1234'),
  ],
  [
    'an identity from EST, with its own renewal',
    `${provisioning}[provisioning.attestation.identity_cert]\nmethod = "est"\ncommon_name = "gw-1"\nauto_renew = { rotate_key = false, threshold = "10day", retry = "30min" }\n
[cert_issuance.est]
trusted_certs = ["file:///ca.pem"]
[cert_issuance.est.auth]
bootstrap_identity_cert = "file:///a.pem"
bootstrap_identity_pk = "pkcs11:object=est"
[cert_issuance.est.urls]
default = "https://example.org/.well-known/est"
`,
  ],
  [
    'an identity from EST, without its names and renewal',
    `${provisioning.replace(/registration_id.*\n/, '')}[provisioning.attestation.identity_cert]\nmethod = "est"\n`,
  ],
  [
    'everything optional',
    `trust_bundle_cert = "file:///trust.pem"
auto_reprovisioning_mode = "AlwaysOnStartup"
${good}
[cert_issuance.est]
trusted_certs = []
[cert_issuance.est.auth]
identity_cert = "file:///a.pem"
identity_pk = "file:///a.key.pem"
[cert_issuance.est.identity_auto_renew]
rotate_key = true
threshold = "99%"
retry = "1%"
[cert_issuance.est.urls]
default = "https://example.org/.well-known/est"
[aziot_keys]
pkcs11_lib_path = "/usr/lib/p11.so"
pkcs11_base_slot = "pkcs11:token=edge"
[agent]
name = "edgeAgent"
type = "docker"
[agent.config]
image = "registry.example.com/edge-agent:1.6"
`,
  ],
  ['a token library without a slot', `${good}\n[aziot_keys]\npkcs11_lib_path = "/usr/lib/p11.so"\n`],
  ['the mode OnErrorOnly', `auto_reprovisioning_mode = "OnErrorOnly"\n${good}`],
  ['an Edge CA from EST', `${good}\n[edge_ca]\nmethod = "est"\ncommon_name = "ca"\n`],
  ['an Edge CA in files', `${good}\n[edge_ca]\ncert = "file:///a"\npk = "file:///b"\n`],
];

const est = { url: 'https://est.example.com/.well-known/est' };

/** The config.toml of gw-1 that a group's bundles have, read as the daemon reads it. */
function configFor(target: keyof typeof edgeTargets, input: Partial<GroupInput>) {
  const group = parseGroupDefinition('line7', { keyCustody: 'plain', target, ...input });
  const now = new Date('2026-11-27T00:00:00Z');
  const text = edgeConfigToml({ group, chainPem: [], rootPem: '', dps: someDps, now }, edgeTargets[target])
    .map((part) => (typeof part === 'string' ? part : part.slot === 'id' ? 'gw-1' : 'gw-1 edge CA'))
    .join('');
  const read = readConfigToml(text);
  return 'config' in read ? read.config : assert.fail(read.faults.join());
}

describe('config.toml of a group', () => {
  // aziot-identity-service renews Edge CAs since 1.3, which IoT Edge has since 1.4. An older one would ignore the key.
  for (const target of ['iotedge-1.6', 'iotedge-1.5', 'iotedge-1.4'] as const)
    it(`has an Edge CA that ${target} gets and renews by EST`, () =>
      assert.deepEqual(configFor(target, { edgeCa: 'est', est }).edge_ca, {
        method: 'est',
        common_name: 'gw-1 edge CA',
        auto_renew: { rotate_key: true, threshold: '75%', retry: '4%' },
      }));

  it('has an Edge CA that iotedge-1.2 gets by EST and does not renew', () =>
    assert.deepEqual(configFor('iotedge-1.2', { edgeCa: 'est', est }).edge_ca, {
      method: 'est',
      common_name: 'gw-1 edge CA',
    }));

  for (const target of ['iotedge-1.6', 'iotedge-1.5', 'iotedge-1.4', 'iotedge-1.2'] as const)
    it(`names the agent of ${target}`, () =>
      assert.equal(
        configFor(target, {}).agent?.config.image,
        `mcr.microsoft.com/azureiotedge-agent:${target.slice('iotedge-'.length)}`,
      ));

  it('has nothing that the group does not ask for', () => {
    const config = configFor('iotedge-1.6', {});
    assert.deepEqual(
      [config.trust_bundle_cert, config.cert_issuance, config.aziot_keys, config.edge_ca],
      [undefined, undefined, undefined, undefined],
    );
  });

  it('has the library, the slot and the key of a token', () => {
    const keyUri = 'pkcs11:token=edge;object=identity';
    const pkcs11 = { libraryPath: '/usr/lib/p11.so' };
    const inToken = { keyCustody: 'device', keyUri } as const;
    const config = configFor('iotedge-1.5', { ...inToken, pkcs11: { ...pkcs11, baseSlot: 'pkcs11:token=edge' } });
    assert.deepEqual(config.aziot_keys, {
      pkcs11_lib_path: '/usr/lib/p11.so',
      pkcs11_base_slot: 'pkcs11:token=edge',
    });
    assert.equal((config.provisioning.attestation as { identity_pk?: string }).identity_pk, keyUri);
    assert.deepEqual(configFor('iotedge-1.5', { ...inToken, pkcs11 }).aziot_keys, {
      pkcs11_lib_path: '/usr/lib/p11.so',
    });
  });

  it('signs in to the EST server by the bootstrap identity where EST renews the identity, and else by the identity', () => {
    const authOf = (identity: boolean) =>
      Object.keys(configFor('iotedge-1.5', { edgeCa: 'est', est: { ...est, identity } }).cert_issuance?.est.auth ?? {});
    assert.deepEqual(authOf(true), ['bootstrap_identity_cert', 'bootstrap_identity_pk']);
    assert.deepEqual(authOf(false), ['identity_cert', 'identity_pk']);
  });
});

describe('config.toml', () => {
  for (const [what, text, fault] of refused) {
    it(`is refused with ${what}`, () => {
      const read = readConfigToml(text);
      assert.ok('faults' in read, 'it was accepted');
      assert.match(read.faults.join('\n'), fault);
    });
  }
  for (const [what, text] of taken) {
    it(`is accepted with ${what}`, () =>
      assert.deepEqual((readConfigToml(text) as { faults?: string[] }).faults, undefined));
  }
});
