import { z } from 'zod';
import { type EntryKind, kindNames } from '../entries/entry.ts';
import type { EntryParser } from '../entries/parse-entry.ts';
import { preconditionFailed } from '../etag.ts';
import { dpsError, ServiceError } from '../http/service-error.ts';
import type { EntryWriter } from './entry-writer.ts';

/** https://learn.microsoft.com/rest/api/iot-dps/service/individual-enrollment/run-bulk-operation: "limited to 10". */
const maxItems = 10;

const item = z.record(z.string(), z.unknown());

const listMembers = { group: 'enrollmentGroups', individual: 'enrollments' } as const;

/**
 * Runs a bulk operation item by item: what fails is named in the answer, what does not is done. A request that is wrong
 * as a whole (mode, number, an id twice) does nothing.
 */
export function runBulk(
  kind: EntryKind,
  body: unknown,
  { parser, writer }: { parser: EntryParser; writer: EntryWriter },
) {
  const { items, mode } = parseBulk(kind, body);
  const ids = items.map((each) => parser.idOf(kind, each));
  const twice = ids.find((id, index) => ids.findIndex((other) => other.toLowerCase() === id.toLowerCase()) < index);
  if (twice !== undefined) throw dpsError(400, `"${twice}" stands twice in the request.`);

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
    // An update of an existing record without its etag is refused like a second create: recorded from the real service.
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
    // The specification says updateIfMatchETag, the Node.js client updateIfMatchEtag.
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
