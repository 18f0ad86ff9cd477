import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkGroup } from '../../../lib/bundle/check-group.ts';
import { FleetError } from '../../../lib/errors.ts';
import { type GroupInput, parseGroupDefinition } from '../../../lib/groups/definition.ts';
import { someGroup, someTime } from '../../factories.ts';
import { certificateFile } from './certificate-file.ts';
import { lacks } from './command.ts';
import { someBundler } from './some-bundle.ts';

const est = { url: 'https://est.example.com/.well-known/est' };
const pkcs11 = { libraryPath: '/usr/lib/libtpm2_pkcs11.so' };

function faultPaths(input: Partial<GroupInput>): string[] {
  try {
    parseGroupDefinition('line7', { keyCustody: 'plain', ...input });
    return [];
  } catch (error) {
    assert.ok(error instanceof FleetError && error.code === 'group-invalid');
    return error.details.faults?.map(({ path }) => path) ?? [];
  }
}

describe('a group definition', () => {
  for (const [what, input] of [
    ['nothing about bundles', {}],
    ['an issued Edge CA', { edgeCa: 'issued' }],
    ['EST for both', { edgeCa: 'est', est: { ...est, identity: true } }],
    ['a key in a token', { keyCustody: 'device', keyUri: 'pkcs11:token=a;object=b%20c', pkcs11 }],
    ['a key in a token, without IoT Edge', { keyCustody: 'device', keyUri: 'pkcs11:object=b', target: 'dps-device' }],
    ['a key in a file of 1.1', { keyCustody: 'device', keyUri: 'file:///etc/device.key', target: 'iotedge-1.1' }],
    ['an image by digest', { agentImage: `registry.example.com/agent@sha256:${'a'.repeat(64)}` }],
    ['a label with a URL', { labelUrl: 'https://id.example.com/c/{deviceId}?from=label' }],
  ] as const) {
    it(`is accepted with ${what}`, () => assert.deepEqual(faultPaths(input), []));
  }

  for (const [what, input, paths] of [
    ['an Edge CA key made by us and a key made by the device', { keyCustody: 'device', edgeCa: 'issued' }, ['edgeCa']],
    ['EST without a server', { edgeCa: 'est' }, ['est']],
    ['an EST server that nothing uses', { est }, ['est']],
    ['an EST server without TLS', { edgeCa: 'est', est: { url: 'http://est.example.com/' } }, ['est.url']],
    ['an EST server whose name is not ASCII', { edgeCa: 'est', est: { url: 'https://est.exämple.com/' } }, ['est.url']],
    ['a threshold that the daemon refuses', { edgeCa: 'est', est: { ...est, threshold: '10d' } }, ['est.threshold']],
    ['renewal on 1.2', { target: 'iotedge-1.2', est: { ...est, identity: true } }, ['est.identity']],
    [
      'renewal of an identity with an individual enrollment',
      { enrollment: 'individual', est: { ...est, identity: true } },
      ['est.identity'],
    ],
    ['a place for a key that the bundle holds', { keyUri: 'file:///etc/key' }, ['keyUri']],
    ['a token without its library', { keyCustody: 'device', keyUri: 'pkcs11:object=a' }, ['pkcs11']],
    ['a library without a token', { pkcs11 }, ['pkcs11']],
    ['a PIN', { keyCustody: 'device', keyUri: 'pkcs11:object=a?pin-value=1234', pkcs11 }, ['keyUri']],
    ['a key file whose name needs escapes', { keyCustody: 'device', keyUri: 'file:///etc/device%20key' }, ['keyUri']],
    ['a PIN in another place', { keyCustody: 'device', keyUri: 'pkcs11:object=a;pin-value=1', pkcs11 }, ['keyUri']],
    ['a key URI that would end its string', { keyCustody: 'device', keyUri: 'file:///a"\nx = "b' }, ['keyUri']],
    ['an image with a blank', { agentImage: 'agent:1.6 --privileged' }, ['agentImage']],
    ['a label without the device', { labelUrl: 'https://id.example.com/' }, ['labelUrl']],
    ['a label that is not a URL', { labelUrl: '{deviceId}' }, ['labelUrl']],
    ['a label with another name', { labelUrl: 'https://id.example.com/{deviceId}/{serial}' }, ['labelUrl']],
    ['a trusted certificate that is not a CA', { trustBundle: ['-----BEGIN CERTIFICATE-----'] }, ['trustBundle.0']],
    ['EST on 1.1', { target: 'iotedge-1.1', edgeCa: 'est', est }, ['est']],
    [
      'settings of modules without IoT Edge',
      { target: 'dps-device', edgeCa: 'issued', agentImage: 'a:1' },
      ['edgeCa', 'agentImage'],
    ],
    ['several faults', { edgeCa: 'est', keyUri: 'file:///a', pkcs11 }, ['est', 'keyUri', 'pkcs11']],
  ] as const) {
    it(`is refused with ${what}`, () => assert.deepEqual(faultPaths(input as Partial<GroupInput>), paths));
  }
});

describe('a declaration', () => {
  const pathsOf = (input: Partial<GroupInput>, rootPem?: string) =>
    checkGroup(someGroup('line7', input), someTime, { rootPem }).map(({ path }) => path);

  it('is refused for IoT Edge 1.1 when its CA would live into 2038', () => {
    // 2038-01-01 is 4,057 days after 2026-11-23.
    const target = 'iotedge-1.1';
    assert.deepEqual(pathsOf({ target, issuingCa: { validityDays: 4056 } }), []);
    assert.deepEqual(pathsOf({ target, issuingCa: { validityDays: 4057 } }), ['issuingCa.validityDays']);
    assert.deepEqual(pathsOf({ target: 'iotedge-1.2', issuingCa: { validityDays: 7300 } }), []);
  });

  it('is refused for 1.1 with issued Edge CAs under a root that lives into 2038', async () => {
    const { rootPem } = await someBundler({}, { rootDays: 7000 });
    assert.deepEqual(pathsOf({ target: 'iotedge-1.1', edgeCa: 'issued' }, rootPem), ['edgeCa']);
    assert.deepEqual(pathsOf({ target: 'iotedge-1.1' }, rootPem), []);
    assert.deepEqual(pathsOf({ edgeCa: 'issued' }, rootPem), []);
  });

  it('names every bad recipient', { skip: lacks('openssl') }, () => {
    const weak = certificateFile(['rsa:1024']).certificatePem;
    const good = certificateFile(['rsa:2048']).certificatePem;
    const group = someGroup('line7', { keyCustody: 'sealed', recipients: [good, weak, 'x', good] });
    const faults = checkGroup(group, new Date(Date.now() + 60_000));
    assert.deepEqual(
      faults.map(({ path }) => path),
      ['recipients.1', 'recipients.2', 'recipients.3'],
    );
  });
});
