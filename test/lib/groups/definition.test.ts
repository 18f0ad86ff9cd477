import assert from 'node:assert/strict';
import { it } from 'node:test';
import { FleetError } from '../../../lib/errors.ts';
import { parseGroupDefinition } from '../../../lib/groups/definition.ts';
import { someAuthority } from '../pki/some-authority.ts';

function refusal(input: unknown): FleetError {
  try {
    parseGroupDefinition('line7', input);
  } catch (error) {
    if (error instanceof FleetError) return error;
    throw error;
  }
  assert.fail('it was accepted');
}

it('a definition with thousands of faults is refused with the first 20 and their number', () => {
  const iotHubs = Array.from({ length: 50 }, () => 'no host');
  const tags = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`a.${index}`, 1]));
  const { code, message, details } = refusal({ keyCustody: 'plain', iotHubs, initialTwin: { tags } });
  assert.equal(code, 'group-invalid');
  assert.match(message, /has 3\d\d\d faults, the first 20: /);
  assert.equal(details.faults?.length, 20);
  assert.ok(message.length < 10_000, `${message.length} characters`);
});

it('a definition with thousands of unknown members is refused with a short message', () => {
  const unknown = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`member-${index}`, 1]));
  assert.ok(refusal({ keyCustody: 'plain', ...unknown }).message.length < 2000);
});

it('a definition stays smaller than the limit of a document', () => {
  const padded = `${'#'.repeat(2 * 1024 * 1024)}\n-----BEGIN CERTIFICATE-----`;
  const { details } = refusal({ keyCustody: 'sealed', recipients: [padded] });
  assert.equal(details.faults?.[0]?.path, 'recipients.0');
  const long = `https://example.com/${'a'.repeat(3000)}`;
  const custom = { allocationPolicy: 'custom', customAllocation: { webhookUrl: long } };
  assert.equal(refusal({ keyCustody: 'plain', ...custom }).details.faults?.[0]?.path, 'customAllocation.webhookUrl');
});

const device = { keyCustody: 'device' } as const;
const inToken = { ...device, keyUri: 'pkcs11:object=a' } as const;
const est = { url: 'https://est.example.com/', identity: true };
const atHost = (length: number) => 'https://est.example.com/'.padEnd(length, 'a');
const custom = (customAllocation: object) => ({ ...device, allocationPolicy: 'custom', customAllocation });
const { certificatePem: someCa } = await someAuthority();

/** Of each limit: its setting, a definition with a value, the values at its ends that are taken, and those that are refused. */
const limits: readonly [path: string, withValue: (value: never) => object, taken: unknown[], refused: unknown[]][] = [
  ['description', (description) => ({ ...device, description }), ['', 'x'.repeat(500)], ['x'.repeat(501)]],
  ['dps', (dps) => ({ ...device, dps }), ['a', 'a'.repeat(32)], ['', 'a'.repeat(33)]],
  ['validityDays', (validityDays) => ({ ...device, validityDays }), [1, 3650], [0, 3651, 1.5]],
  [
    'validityJitterDays',
    (validityJitterDays) => ({ ...device, validityDays: 3650, validityJitterDays }),
    [0, 0.5, 365],
    [-0.1, 365.1],
  ],
  ['bundleShelfLifeDays', (bundleShelfLifeDays) => ({ ...device, bundleShelfLifeDays }), [1, 3650], [0, 3651]],
  ['issuingCa.validityDays', (validityDays) => ({ ...device, issuingCa: { validityDays } }), [30, 7300], [29, 7301]],
  [
    'est.renewExpiredWithinDays',
    (renewExpiredWithinDays) => ({ ...device, est: { ...est, url: 'fleet', renewExpiredWithinDays } }),
    [0, 365],
    [-1, 366],
  ],
  ['est.url', (url) => ({ ...device, est: { ...est, url } }), [atHost(512)], [atHost(513)]],
  ...['threshold', 'retry', 'edgeCaThreshold', 'edgeCaRetry'].map((name): (typeof limits)[number] => [
    `est.${name}`,
    (value) => ({ ...device, est: { ...est, [name]: value } }),
    ['1%', '99%', '1min', '999999min', '1day', '999999day'],
    ['0%', '100%', '0min', '1000000min', '0day', '1000000day', '80'],
  ]),
  ['recipients', (count) => ({ keyCustody: 'sealed', recipients: Array(count).fill('x') }), [1, 10], [0, 11]],
  ['recipients.0', (length) => ({ keyCustody: 'sealed', recipients: ['x'.repeat(length)] }), [16_384], [16_385]],
  ['trustBundle', (count) => ({ ...device, trustBundle: Array(count).fill(someCa) }), [0, 20], [21]],
  ['trustBundle.0', (pem) => ({ ...device, trustBundle: [pem] }), [someCa], [someCa + someCa, 'x']],
  ['keyUri', (length) => ({ ...device, keyUri: 'file:///'.padEnd(length, 'a') }), [9, 512], [8, 513]],
  [
    'pkcs11.libraryPath',
    (length) => ({ ...inToken, pkcs11: { libraryPath: '/'.padEnd(length, 'a') } }),
    [2, 256],
    [1, 257],
  ],
  [
    'pkcs11.baseSlot',
    (length) => ({ ...inToken, pkcs11: { libraryPath: '/a', baseSlot: 'pkcs11:'.padEnd(length, 'a') } }),
    [8, 512],
    [7, 513],
  ],
  ['agentImage', (length) => ({ ...device, agentImage: 'a'.repeat(length) }), [1, 255], [0, 256]],
  ['labelUrl', (length) => ({ ...device, labelUrl: 'https://a/{deviceId}'.padEnd(length, 'a') }), [512], [513]],
  ['iotHubs', (count) => ({ ...device, iotHubs: Array(count).fill('hub') }), [0, 50], [51]],
  ['iotHubs.0', (length) => ({ ...device, iotHubs: ['a'.repeat(length)] }), [1, 260], [0, 261]],
  ['iotHubs', (count) => ({ ...device, allocationPolicy: 'static', iotHubs: Array(count).fill('hub') }), [1], [0, 2]],
  ['customAllocation.webhookUrl', (length) => custom({ webhookUrl: atHost(length) }), [2048], [2049]],
  [
    'customAllocation.apiVersion',
    (length) => custom({ webhookUrl: atHost(30), apiVersion: 'x'.repeat(length) }),
    [64],
    [65],
  ],
];

for (const [path, withValue, taken, refused] of limits) {
  const define = withValue as (value: unknown) => object;
  const shown = (value: unknown) => JSON.stringify(value).slice(0, 20);
  for (const value of taken)
    it(`${path} can be ${shown(value)}, at the end of its limit`, () => {
      assert.equal(parseGroupDefinition('line7', define(value)).id, 'line7');
    });
  for (const value of refused)
    it(`${path} cannot be ${shown(value)}, beyond its limit`, () => {
      const { code, details } = refusal(define(value));
      assert.equal(code, 'group-invalid');
      assert.deepEqual([...new Set(details.faults?.map((fault) => fault.path))], [path]);
    });
}

it('the id of a group has 1 to 64 characters', () => {
  assert.equal(parseGroupDefinition('a'.repeat(64), device).id, 'a'.repeat(64));
  for (const id of ['', 'a'.repeat(65)])
    assert.throws(() => parseGroupDefinition(id, device), { code: 'group-invalid', message: /id: expected 1 to 64/ });
});

it('null in the initial twin is refused with its path; a stored definition that has it stays readable', () => {
  const input = { keyCustody: 'plain', initialTwin: { tags: { place: { hall: null } }, desired: { a: [null] } } };
  const { code, details } = refusal(input);
  assert.equal(code, 'group-invalid');
  assert.deepEqual(
    details.faults?.map(({ path }) => path),
    ['initialTwin.tags.place.hall', 'initialTwin.desired.a.0'],
  );
  assert.deepEqual(parseGroupDefinition('line7', input, { privateUrls: 'stored' }).initialTwin, input.initialTwin);
});
