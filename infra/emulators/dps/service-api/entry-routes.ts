import { z } from 'zod';
import type { Guard } from '../authorization.ts';
import { type EntryKind, kindNames, showAttestation, showEntry } from '../entries/entry.ts';
import type { EntryStore } from '../entries/entry-store.ts';
import type { EntryParser } from '../entries/parse-entry.ts';
import { pageHeaders, pageRequestOf } from '../http/conventions.ts';
import type { Route } from '../http/server.ts';
import { dpsError, ServiceError } from '../http/service-error.ts';
import { preconditionFailed } from '../record-metadata.ts';
import { type RegistrationStore, showRegistrationState } from '../registrations/registration.ts';
import { type EntryWriter, notFound } from './entry-writer.ts';

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
        // All supported queries select everything.
        const request = pageRequestOf(call, base, (message) => dpsError(400, message));
        const page = entries.page(kind, request);
        return {
          status: 200,
          headers: pageHeaders(page, kindNames[kind].itemType, request),
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
      // Keys are shown only to callers that may write enrollments.
      handle: guard('EnrollmentWrite', (call) => ({
        status: 200,
        body: showAttestation(existing(call.parameters['id']).attestation, { withKeys: true }),
      })),
    },
  ];
}

/** Accepts the queries of the official clients. It is not published what else the service supports. */
function checkQuery(body: unknown, table: string): void {
  const parsed = z.object({ query: z.string() }).safeParse(body);
  if (!parsed.success) throw dpsError(400, 'The body must be {"query": "..."}.');
  const query = parsed.data.query.trim().replace(/\s+/g, ' ').toLowerCase();
  if (!['', '*', 'select *', `select * from ${table.toLowerCase()}`].includes(query)) {
    throw dpsError(400, `The query is not supported. Use "SELECT * FROM ${table}".`);
  }
}

/** https://learn.microsoft.com/rest/api/iot-dps/service/individual-enrollment/run-bulk-operation: "limited to 10". */
const maxItems = 10;

const item = z.record(z.string(), z.unknown());

const listMembers = { group: 'enrollmentGroups', individual: 'enrollments' } as const;

/**
 * Runs a bulk operation item by item. The answer lists the failed items; the others are done.
 * @throws ServiceError 400 for an invalid mode, an invalid number of items or a duplicate id. Then nothing is done.
 */
function runBulk(kind: EntryKind, body: unknown, { parser, writer }: { parser: EntryParser; writer: EntryWriter }) {
  const { items, mode } = parseBulk(kind, body);
  const ids = items.map((each) => parser.idOf(kind, each));
  const twice = ids.find((id, index) => ids.findIndex((other) => other.toLowerCase() === id.toLowerCase()) < index);
  if (twice !== undefined) throw dpsError(400, `The id "${twice}" occurs twice in the request.`);

  const errors = items.flatMap((each, index) => {
    const id = ids[index] ?? '';
    try {
      runOne(kind, id, each, mode, writer);
      return [];
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      return [{ [kindNames[kind].idMember]: id, errorCode: error.code, errorStatus: error.message }];
    }
  });
  return { errors, isSuccessful: errors.length === 0 };
}

function runOne(kind: EntryKind, id: string, body: z.output<typeof item>, mode: Mode, writer: EntryWriter): void {
  const etag = typeof body['etag'] === 'string' && body['etag'] !== '' ? body['etag'] : undefined;
  switch (mode) {
    case 'create':
      writer.put(kind, id, body, undefined);
      return;
    // As recorded from the service, an update of an existing record without its etag is refused like a second create.
    case 'update':
      writer.put(kind, id, body, etag);
      return;
    case 'updateifmatchetag':
      if (etag === undefined) throw preconditionFailed();
      writer.put(kind, id, body, etag);
      return;
    case 'delete':
      writer.delete(kind, id, etag);
  }
}

type Mode = 'create' | 'update' | 'updateifmatchetag' | 'delete';

function parseBulk(kind: EntryKind, body: unknown) {
  const list = listMembers[kind];
  const syntax = z.object({
    [list]: z.array(item).min(1).max(maxItems),
    // The specification has updateIfMatchETag, the Node.js client sends updateIfMatchEtag.
    mode: z.string().transform((mode) => mode.toLowerCase()),
  });
  const parsed = syntax.safeParse(body);
  if (!parsed.success) throw dpsError(400, `The body needs a mode and ${list}, 1 to ${maxItems} of them.`);
  const { mode } = parsed.data as { mode: string };
  if (mode !== 'create' && mode !== 'update' && mode !== 'updateifmatchetag' && mode !== 'delete') {
    throw dpsError(400, 'mode must be create, update, updateIfMatchETag or delete.');
  }
  return { items: (parsed.data as Record<string, z.output<typeof item>[]>)[list] ?? [], mode: mode as Mode };
}
