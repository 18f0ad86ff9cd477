import * as z from 'zod';
import { actorName } from '../../lib/access/act.ts';
import { excerpt } from '../../lib/errors.ts';
import { type Finding, findingStates } from '../../lib/findings/finding.ts';
import { definitionOf, findingKinds, severities, subjectTypes } from '../../lib/findings/kinds.ts';
import { findingSubject } from '../../lib/pipeline/audit-acts.ts';
import { acceptFinding, readFinding, repairFinding } from '../../lib/pipeline/repair-finding.ts';
import { type LatestSweep, readSweepState } from '../../lib/pipeline/sweep-state.ts';
import { reasonBody as body } from './device-blocks.ts';
import { defineOperation } from './operation.ts';
import { pageEnd, pageIn, pageQuery } from './pages.ts';
import { word } from './parameters.ts';
import { pageLinks, time } from './schemas.ts';

const facts = z.record(z.string(), z.unknown()).readonly();

const finding = z
  .object({
    id: z.string().describe('The same in every sweep.'),
    kind: z.enum(findingKinds).describe('See docs/findings.md.'),
    severity: z.enum(severities),
    state: z
      .enum(findingStates)
      .describe(
        '`open`: waits for a decision. `accepted`: quiet until it changes. `repaired`: no sweep has looked since. `gone`: no longer seen; kept for FINDING_RETENTION_DAYS.',
      ),
    subject: z
      .object({
        type: z.enum(subjectTypes),
        id: z
          .string()
          .describe(
            'Id of the device or group; of a CA the group and its generation, of a delegated CA its serial number; of an archive its blob.',
          ),
        enrollmentGroup: z.string().optional(),
      })
      .readonly(),
    expected: facts.describe('What the records say.'),
    seen: facts.describe('What was seen in Azure.'),
    meaning: z.string(),
    repair: z
      .enum(['self', 'asked', 'none'])
      .describe('`self`: the sweep repairs it. `asked`: an operator asks for it. `none`: a person has to act.'),
    remedy: z.string().describe('What a repair does, or what to do.'),
    firstSeen: time,
    lastSeen: time,
    acts: z
      .array(
        z
          .object({
            act: z.enum(['accepted', 'repaired', 'repair failed', 'gone', 'opened again']),
            by: z.string().describe('`sweep` for what the app does without being asked.'),
            at: time,
            reason: z.string().optional(),
          })
          .readonly(),
      )
      .readonly()
      .describe('What was done about it: the latest 20, oldest first.'),
  })
  .readonly()
  .meta({ id: 'Finding' });

function findingView({ digest: _digest, outbox: _outbox, owedSince: _owedSince, ...shown }: Finding) {
  const { meaning, repair, remedy } = definitionOf(shown.kind);
  return { ...shown, meaning, repair, remedy };
}

/** An empty list says nothing without it. */
const latestSweep = z
  .object({
    began: time,
    endedAt: time,
    figures: z
      .record(z.string(), z.number())
      .describe('Counts: the things that it compared, by kind, and the findings that it opened, ended and repaired.'),
  })
  .readonly()
  .optional()
  .describe('The latest sweep that ended. Absent before the first one.');

/** Hubs are in `GET /api/summary`: they are not of one group. */
function sweepView({ began, endedAt, figures }: LatestSweep) {
  return { began, endedAt, figures: { ...figures } };
}

const findingId = z
  .string()
  .regex(/^[a-z0-9-]{1,40}\.[0-9a-f]{32}$/, {
    error: ({ input }) => `There is no finding "${excerpt(String(input))}".`,
  })
  .describe('Id of a finding: its kind, a dot, and 32 hex digits.');

const pathParameters = z.object({ findingId });

const listFindings = defineOperation({
  id: 'list-findings',
  method: 'GET',
  path: 'findings',
  summary: 'What was seen in Azure that the records do not say',
  role: 'reader',
  perGroup: true,
  query: z.object({
    ...pageQuery,
    kind: word(findingKinds).optional().describe('Findings of this kind.'),
    severity: word(severities).optional().describe('Findings of this severity.'),
    state: word(findingStates).optional().describe('Findings in this state. Default: `open`.'),
    group: z.string().optional().describe('Findings about this enrollment group and its devices.'),
  }),
  answers: {
    200: {
      description: 'One page, by id.',
      schema: z.object({ findings: z.array(finding).readonly(), latestSweep, ...pageLinks }).meta({ id: 'Findings' }),
    },
  },
  async handle({ query, request, services }) {
    const { kind, severity, state = 'open', group } = query;
    const filter = { kind, severity, state, ...(group !== undefined && { enrollmentGroups: [group] }) };
    const { items, continuation } = await services.findings.list(filter, pageIn(request, query));
    const { latest } = await readSweepState(services.reports);
    const found = { findings: items.map(findingView), ...(latest !== undefined && { latestSweep: sweepView(latest) }) };
    return { status: 200, json: { ...found, ...pageEnd(request, continuation) } };
  },
});

const getFinding = defineOperation({
  id: 'get-finding',
  method: 'GET',
  path: 'findings/{findingId}',
  summary: 'One finding, in any state',
  role: 'reader',
  perGroup: true,
  pathParameters,
  answers: { 200: { description: 'The finding.', schema: finding } },
  errors: ['not-found'],
  async handle({ path, services }) {
    return { status: 200, json: findingView((await readFinding(path.findingId, services)).value) };
  },
});

const repair = defineOperation({
  id: 'repair-finding',
  method: 'POST',
  path: 'findings/{findingId}/repair',
  summary: 'Make Azure what the records say',
  description:
    'Only for findings whose `repair` is `self` or `asked`. The record is read again, and nothing is done that it does not ask for by now. A repair can be repeated. The next sweep says whether the finding is gone.',
  role: 'operator',
  perGroup: true,
  pathParameters,
  body,
  answers: { 200: { description: 'The finding afterwards.', schema: finding } },
  errors: ['not-found', 'method-conflict', 'group-refused', 'group-exists', 'enrollment-exists'],
  async handle({ path, body: { reason }, services, caller, note }) {
    const request = { by: actorName(caller), reason };
    note(findingSubject((await readFinding(path.findingId, services)).value));
    return { status: 200, json: findingView(await repairFinding(path.findingId, request, services)) };
  },
});

const accept = defineOperation({
  id: 'accept-finding',
  method: 'POST',
  path: 'findings/{findingId}/accept',
  summary: 'Keep a finding quiet until it changes',
  description: 'A finding that the sweep repairs cannot be accepted: change what the records say.',
  role: 'operator',
  perGroup: true,
  pathParameters,
  body,
  answers: { 200: { description: 'The finding afterwards.', schema: finding } },
  errors: ['not-found', 'method-conflict', 'concurrent-change'],
  async handle({ path, body: { reason }, services, caller, note }) {
    const request = { by: actorName(caller), reason };
    note(findingSubject((await readFinding(path.findingId, services)).value));
    return { status: 200, json: findingView(await acceptFinding(path.findingId, request, services)) };
  },
});

export const findingOperations = [listFindings, getFinding, repair, accept];
