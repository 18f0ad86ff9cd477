import { z } from 'zod';
import { type EntryKind, kindNames, showAttestation, showEntry } from '../entries/entry.ts';
import type { EntryStore } from '../entries/entry-store.ts';
import type { EntryParser } from '../entries/parse-entry.ts';
import { pageHeaders, pageRequestOf } from '../http/paging.ts';
import type { Route } from '../http/router.ts';
import { dpsError } from '../http/service-error.ts';
import { showRegistrationState } from '../registrations/registration.ts';
import type { RegistrationStore } from '../registrations/registration-store.ts';
import { runBulk } from './bulk.ts';
import { type EntryWriter, notFound } from './entry-writer.ts';
import type { Guard } from './guard.ts';

export interface EntryRouteParts {
  readonly entries: EntryStore;
  readonly registrations: RegistrationStore;
  readonly parser: EntryParser;
  readonly writer: EntryWriter;
  readonly guard: Guard;
}

/** The operations on one kind of enrollment: https://learn.microsoft.com/rest/api/iot-dps/service/ */
export function entryRoutes(
  kind: EntryKind,
  base: '/enrollmentGroups' | '/enrollments',
  { entries, registrations, parser, writer, guard }: EntryRouteParts,
): Route[] {
  const byId = `${base}/{id}`;
  const existing = (id = '') => {
    const entry = entries.get(kind, id);
    if (!entry) throw notFound(kind, id);
    return entry;
  };

  return [
    {
      method: 'POST',
      path: `${base}/query`,
      handle: guard('EnrollmentRead', (call) => {
        checkQuery(call.body, base.slice(1));
        const request = pageRequestOf(call, (message) => dpsError(400, message));
        const page = entries.page(kind, request);
        return {
          status: 200,
          headers: pageHeaders(page, kindNames[kind].itemType, request.limit),
          body: page.values.map((entry) => showEntry(entry)),
        };
      }),
    },
    {
      method: 'POST',
      path: base,
      handle: guard('EnrollmentWrite', (call) => ({ status: 200, body: runBulk(kind, call.body, { parser, writer }) })),
    },
    {
      method: 'PUT',
      path: byId,
      handle: guard('EnrollmentWrite', (call) => {
        const id = parser.idOf(kind, call.body, call.parameters['id']);
        const entry = writer.put(kind, id, call.body, call.header('if-match'));
        return { status: 200, body: showEntry(entry, { withKeys: true }) };
      }),
    },
    {
      method: 'GET',
      path: byId,
      handle: guard('EnrollmentRead', (call, apiVersion) => {
        const entry = existing(call.parameters['id']);
        const body = showEntry(entry);
        if (kind === 'group') return { status: 200, body };
        const registration = registrations.get(entry.id);
        const registrationState = registration
          ? showRegistrationState(registration, apiVersion)
          : { registrationId: entry.id, status: 'unassigned' };
        return { status: 200, body: { ...body, registrationState } };
      }),
    },
    {
      method: 'DELETE',
      path: byId,
      handle: guard('EnrollmentWrite', (call) => {
        writer.delete(kind, call.parameters['id'] ?? '', call.header('if-match'));
        return { status: 204 };
      }),
    },
    {
      method: 'POST',
      path: `${byId}/attestationmechanism`,
      // Keys are for those who may write enrollments.
      handle: guard('EnrollmentWrite', (call) => ({
        status: 200,
        body: showAttestation(existing(call.parameters['id']).attestation, { withKeys: true }),
      })),
    },
  ];
}

/** The texts that official clients send. What else the real service understands is not published. */
function checkQuery(body: unknown, table: string): void {
  const parsed = z.object({ query: z.string() }).safeParse(body);
  if (!parsed.success) throw dpsError(400, 'The body must be {"query": "..."}.');
  const query = parsed.data.query.trim().replace(/\s+/g, ' ').toLowerCase();
  if (!['', '*', 'select *', `select * from ${table.toLowerCase()}`].includes(query)) {
    throw dpsError(400, `The query is not understood; use "SELECT * FROM ${table}".`);
  }
}
