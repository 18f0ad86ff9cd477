import * as z from 'zod';
import { type AskedDevice, isAbout } from '../../lib/audit/about.ts';
import { caActions, workActions } from '../../lib/audit/actions.ts';
import { listEntries } from '../../lib/audit/list-entries.ts';
import { deviceId } from '../../lib/devices/ids.ts';
import { excerpt, FleetError } from '../../lib/errors.ts';
import { suggestion } from '../../lib/suggest.ts';
import type { Services } from '../services.ts';
import { defineOperation, type Operation } from './operation.ts';
import { pageEnd, pageIn, pageQuery } from './pages.ts';
import { past } from './parameters.ts';
import { pageLinks, time } from './schemas.ts';

const facts = z.record(z.string(), z.unknown()).readonly();

const auditEntry = z
  .object({
    index: z.int().min(0).describe('Its place in the log.'),
    id: z.string().describe('The same for an intent and its result.'),
    phase: z.enum(['intent', 'result']),
    at: time.describe('By the clock of the instance.'),
    action: z.string().describe('The id of the operation, or the name of the work: docs/audit.md.'),
    by: z.string(),
    role: z.string().optional().describe('The app role that let the caller in.'),
    subject: facts.describe('What it was done to.'),
    why: z.string().optional().describe('The reason that was given.'),
    trace: z.string().optional(),
    outcome: z.enum(['done', 'failed']).optional().describe('Of a result.'),
    code: z.string().optional().describe('Of a failure.'),
    details: facts.optional(),
  })
  .readonly()
  .meta({ id: 'AuditEntry' });

/** @param operations all of them: each one that is audited is an action */
export const auditOperation = (operations: () => readonly Operation[]) =>
  defineOperation({
    id: 'list-audit-entries',
    method: 'GET',
    path: 'audit',
    summary: 'Who did what, when and why',
    description:
      'Entries of the audit trail, the newest first; those of the last minute are not in the log yet. A page reads 16,384 entries at most, so it can be empty and have a next one. `npm run audit -- verify` shows that nothing was changed (docs/audit.md).',
    role: 'reader',
    perGroup: false,
    query: z.object({
      ...pageQuery,
      from: past.optional().describe('Of this time or later.'),
      to: past.optional().describe('Before this time.'),
      device: z
        .string()
        .regex(deviceId, 'the id of a device')
        .optional()
        .describe('About this device, or the chunk in which its present certificate was issued.'),
      group: z.string().optional().describe('About this enrollment group, or certificates of its CA.'),
      job: z.string().optional().describe('About this job.'),
      by: z.string().optional().describe('By this user: the name as in an entry, or the object id.'),
      action: z.string().optional().describe('Of this kind.'),
    }),
    answers: {
      200: {
        description: 'One page.',
        schema: z.object({ entries: z.array(auditEntry).readonly(), ...pageLinks }).meta({ id: 'AuditEntries' }),
      },
    },
    errors: ['audit-damaged'],
    async handle({ query, request, services }) {
      const { action, by, group: enrollmentGroup, job: jobId } = query;
      if (action !== undefined) checkAction(action, operations());
      const device = query.device === undefined ? undefined : await askedDevice(query.device, services);
      const asked = { action, by, enrollmentGroup, jobId, device };
      const at = services.now();
      const filter = {
        from: query.from?.(at).toISOString(),
        to: query.to?.(at).toISOString(),
        matches: (entry: Parameters<typeof isAbout>[0]) => isAbout(entry, asked),
      };
      const { items, continuation } = await listEntries(filter, pageIn(request, query), services.auditLog);
      const entries = items.map(({ index, entry: { v: _version, ...entry } }) => ({ index, ...entry }));
      return { status: 200, json: { entries, ...pageEnd(request, continuation) } };
    },
  });

/** @throws FleetError `request-invalid` for a name that no entry has */
function checkAction(action: string, operations: readonly Operation[]): void {
  const audited = operations.filter(({ method, audited = method !== 'GET' }) => audited).map(({ id }) => id);
  const actions: string[] = [...audited, ...workActions, ...caActions];
  if (actions.includes(action)) return;
  const meant = suggestion(action, actions);
  const value = excerpt(action);
  const hint = meant === undefined ? 'docs/audit.md lists them.' : `Did you mean ${meant}?`;
  throw new FleetError('request-invalid', `No entry has the action "${value}". ${hint}`, { column: 'action', value });
}

/** The device, with the archives of its bundles: the one in use, and the one that a reissue is to replace. */
async function askedDevice(id: string, { devices }: Services): Promise<AskedDevice> {
  const record = (await devices.read([id])).get(id)?.value;
  const bundles = [record?.bundle, record?.before?.bundle].filter((bundle) => bundle !== undefined);
  return { deviceId: id, archives: bundles.map(({ archive }) => archive) };
}
