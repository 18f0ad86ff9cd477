import assert from 'node:assert/strict';
import { it } from 'node:test';
import { FleetError } from '../../../lib/errors.ts';
import { parseGroupDefinition } from '../../../lib/groups/definition.ts';

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
