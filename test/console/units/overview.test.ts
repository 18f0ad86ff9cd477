import assert from 'node:assert/strict';
import { it } from 'node:test';
import { attentionItems, isNew } from '../../../console/screens/overview.ts';
import type { Summary } from '../../../console/types.ts';

const zero = { failed: 0, closing: 0 };
const calm = {
  devices: { byStatus: zero },
  jobs: { lastDay: { since: '2026-11-26T22:00:00Z', byStatus: { failed: 0 } } },
  certificates: { ended: 0, within30Days: 0 },
  groups: { pending: [], refused: [], endingCas: [] },
  findings: { total: 0, bySeverity: { critical: 0, high: 0 } },
  deadLetters: { total: 0 },
} as unknown as Summary;

it('a fleet in which nothing is wrong has nothing that needs attention', () => {
  assert.deepEqual(attentionItems(calm), []);
});

it('what needs attention comes with its number and leads to its list, the most urgent first', () => {
  const items = attentionItems({
    ...calm,
    findings: { total: 3, bySeverity: { critical: 1, high: 0, medium: 2, low: 0 } },
    deadLetters: { total: 2 },
    groups: { ...calm.groups, endingCas: [{ group: 'line7', certificate: 'issuing CA', days: 40 }] },
    certificates: { ...calm.certificates, within30Days: 12 },
  } as unknown as Summary);
  assert.deepEqual(
    items.map(({ tone, text, href }) => [tone, text, href]),
    [
      ['bad', '1 urgent finding: Azure differs from the records.', '/console/findings'],
      ['bad', '2 messages failed for good.', '/console/dead-letters'],
      ['warn', 'The issuing CA of line7 ends in 40 days.', '/console/groups/line7'],
      ['warn', '12 devices with a certificate that ends within 30 days.', '/console/devices?expires=30'],
      ['warn', '2 other findings to decide on.', '/console/findings'],
    ],
  );
});

it('a caller who may not see dead letters is not told of them', () => {
  const { deadLetters: _, ...limited } = calm;
  assert.deepEqual(attentionItems(limited as Summary), []);
});

it('the first steps are shown until a list was submitted', () => {
  const days = (completed: number) => [{ day: '2026-11-27', byStatus: { completed, failed: 0 } }];
  const summary = (total: number, completed: number) =>
    ({ devices: { total }, jobs: { days: days(completed) } }) as unknown as Summary;
  assert.deepEqual([isNew(summary(0, 0)), isNew(summary(0, 1)), isNew(summary(5, 0))], [true, false, false]);
});
