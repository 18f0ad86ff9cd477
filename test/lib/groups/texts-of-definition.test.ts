import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FleetError } from '../../../lib/errors.ts';
import {
  edgeCaOf,
  type GroupInput,
  isRenewedElsewhere,
  parseGroupDefinition,
  pathLengthOf,
  renewalPolicyOf,
  shownDefinition,
  usesFleetEst,
} from '../../../lib/groups/definition.ts';

/* The form of each text of a definition, what is filled in, and what follows from it. */

const device = { keyCustody: 'device' } as const;
const sha256 = '0f'.repeat(32);
const est = { url: 'https://est.example.com/', identity: true };
const onToken = (pkcs11: object) => ({ ...device, keyUri: 'pkcs11:object=a', pkcs11 });

const texts: readonly [path: string, withText: (text: string) => object, taken: string[], refused: string[]][] = [
  ['dps', (dps) => ({ ...device, dps }), ['plant-2', '2'], ['Plant', '-a', 'a-', 'a_b', 'a b', 'a\n']],
  [
    'keyUri',
    (keyUri) => ({ ...device, target: 'dps-device', keyUri }),
    ['file:///var/secrets/id_1.key~,@+-', 'pkcs11:token=a%20b;object=id&x:/@,.-_~'],
    ['file://a', 'file:/a', 'xfile:///a', 'file:///a b', 'file:///a?b', 'file:///a\n', 'pkcs11:a?b', ' pkcs11:a', 'a'],
  ],
  [
    'pkcs11.libraryPath',
    (libraryPath) => onToken({ libraryPath }),
    ['/usr/lib/x86_64-linux-gnu/lib.so+1'],
    ['a/b', ' /a', '/a b', '/a\n', '/a"'],
  ],
  [
    'pkcs11.baseSlot',
    (baseSlot) => onToken({ libraryPath: '/a', baseSlot }),
    ['pkcs11:token=a%20b;x=/@:&,.-_~'],
    ['xpkcs11:a', 'pkcs11:a?b', 'pkcs11:a b', 'pkcs11:a\n', 'file:///a'],
  ],
  [
    'agentImage',
    (agentImage) => ({ ...device, agentImage }),
    ['registry.example.com:5000/Edge_agent-x:1.6', `a@sha256:${sha256}`, 'ab', '0/A'],
    [
      'A',
      '-a',
      'a-',
      'a b',
      ' a',
      'a\n',
      `a@sha256:${sha256}0`,
      `a@sha256:${sha256.slice(1)}`,
      `a@sha256:${'g'.repeat(64)}`,
    ],
  ],
  [
    'labelUrl',
    (labelUrl) => ({ ...device, labelUrl }),
    ['https://id.example.com/{deviceId}', 'http://id/{deviceId}/x?y=1#z', 'https://{deviceId}.example.com'],
    [
      ...[
        'ftp://id/{deviceId}',
        'xhttps://id/{deviceId}',
        'https:/id/{deviceId}',
        'https://id/',
        'https://id/{device}',
      ],
      ...[
        'https://id/{deviceId}{deviceId}',
        'https://id/ {deviceId}',
        'https://id/{deviceId} ',
        'https://id/{{deviceId}}',
      ],
    ],
  ],
  [
    'iotHubs.0',
    (hub) => ({ ...device, iotHubs: [hub] }),
    ['hub-1.azure-devices.net', 'HUB:443'],
    ['hub:', 'hub:a', ':443', ' hub', 'hub ', 'hub/x', 'hub:443x'],
  ],
  [
    'est.url',
    (url) => ({ ...device, est: { ...est, url } }),
    ['https://est.example.com:8443/.well-known/est', 'fleet'],
    ['fleets', 'est.example.com', 'https://est.example.com/ä'],
  ],
  ...(['threshold', 'retry', 'edgeCaThreshold', 'edgeCaRetry'] as const).map((name): (typeof texts)[number] => [
    `est.${name}`,
    (text) => ({ ...device, est: { ...est, [name]: text } }),
    ['10%', '30min', '10day'],
    ['x10%', '10%x', '10 %', '01%', 'x10min', '10minx', '10days', '10 day', '010min', 'min', '%'],
  ]),
];

for (const [path, withText, taken, refused] of texts)
  describe(`the setting ${path}`, () => {
    for (const text of taken)
      it(`can be ${JSON.stringify(text)}`, () => {
        assert.equal(parseGroupDefinition('line7', withText(text)).id, 'line7');
      });
    for (const text of refused)
      it(`cannot be ${JSON.stringify(text)}`, () => {
        assert.throws(
          () => parseGroupDefinition('line7', withText(text)),
          (error) => error instanceof FleetError && error.details.faults?.every((fault) => fault.path === path),
        );
      });
  });

it('a definition that says no more than it must has the defaults of the documentation', () => {
  assert.deepEqual(parseGroupDefinition('line7', device), {
    ...{ id: 'line7', enrollment: 'group', keyCustody: 'device', deviceIdCase: 'refuse', keyType: 'ec-p256' },
    ...{ validityDays: 365, bundleShelfLifeDays: 90, attestation: 'signingCertificate', target: 'iotedge-1.6' },
    issuingCa: { origin: 'fleet', keyType: 'ec-p256', validityDays: 1825 },
    ...{ recipients: [], autoReprovisioningMode: 'Dynamic', edgeCa: 'daemon', trustBundle: [] },
    initialTwin: { tags: {}, desired: {} },
    ...{ provisioningStatus: 'enabled', allocationPolicy: 'hashed', allocation: 'dps', iotHubs: [] },
    reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: true },
  });
  const { est: filled } = parseGroupDefinition('line7', { ...device, est: 'fleet' });
  assert.deepEqual(filled, {
    ...{ url: 'fleet', identity: true, threshold: '80%', retry: '4%', edgeCaThreshold: '75%', edgeCaRetry: '4%' },
    ...{ renewExpiredWithinDays: 0, idCa: 'issuing' },
  });
  const other = parseGroupDefinition('line7', { ...device, edgeCa: 'est', est: { url: est.url } }).est;
  assert.deepEqual(other, { ...filled, url: est.url, identity: false });
  const allocation = { allocationPolicy: 'custom', customAllocation: { webhookUrl: 'https://a.example.com/' } };
  assert.equal(parseGroupDefinition('line7', { ...device, ...allocation }).customAllocation?.apiVersion, '2021-10-01');
});

describe('a definition', () => {
  const defined = (input: Partial<GroupInput>) => parseGroupDefinition('line7', { keyCustody: 'plain', ...input });
  const ours = defined({ est: 'fleet' });
  const theirs = defined({ est: { ...est, threshold: '70%' } });
  const edgeOnly = defined({ edgeCa: 'est', est: { url: 'fleet' } });

  it('says who renews its identities, and when', () => {
    assert.deepEqual([ours, theirs, edgeOnly, defined({})].map(usesFleetEst), [true, false, true, false]);
    assert.deepEqual([ours, theirs, edgeOnly, defined({})].map(isRenewedElsewhere), [false, true, false, false]);
    assert.deepEqual(renewalPolicyOf(ours), { threshold: '80%', retry: '4%' });
    for (const other of [theirs, edgeOnly, defined({})]) assert.equal(renewalPolicyOf(other), undefined);
  });

  it('says which CA for modules is issued, and how many CAs are below its own', () => {
    const of = (input: Partial<GroupInput>) => [edgeCaOf(defined(input)), pathLengthOf(defined(input))];
    assert.deepEqual(of({}), [undefined, 0]);
    assert.deepEqual(of({ edgeCa: 'issued' }), ['edge-ca', 1]);
    assert.deepEqual(of({ edgeCa: 'issued', target: 'iotedge-1.1' }), ['edge-device-ca-1.1', 2]);
    assert.deepEqual(of({ edgeCa: 'est', est: { url: 'fleet' } }), [undefined, 1]);
    assert.deepEqual(of({ edgeCa: 'est', est }), [undefined, 0]);
    assert.deepEqual(of({ est: 'fleet' }), [undefined, 0]);
  });

  it('is shown without the queries of its URLs', () => {
    const webhookUrl = 'https://allocate.example.com/api?code=abc';
    const shown = shownDefinition(
      defined({
        ...{ allocationPolicy: 'custom', customAllocation: { webhookUrl } },
        est: { ...est, url: 'https://est.example.com/?token=abc' },
      }),
    );
    assert.equal(shown.customAllocation?.webhookUrl, 'https://allocate.example.com/api?redacted');
    assert.equal(shown.est?.url, 'https://est.example.com/?redacted');
    assert.doesNotMatch(JSON.stringify(shown), /abc/);
    for (const definition of [ours, defined({})]) assert.deepEqual(shownDefinition(definition), definition);
  });

  it('is refused as a whole when it is not JSON of an object', () => {
    for (const input of [null, [], 'text', 7])
      assert.throws(() => parseGroupDefinition('line7', input), { code: 'group-invalid', message: /\(body\)/ });
  });

  it('is refused with the fault of its id and those of its settings', () => {
    assert.throws(
      () => parseGroupDefinition('Line 7', { keyCustody: 'none' }),
      (error) =>
        error instanceof FleetError &&
        assert.deepEqual(
          error.details.faults?.map(({ path }) => path),
          ['id', 'keyCustody'],
        ) === undefined,
    );
  });
});
