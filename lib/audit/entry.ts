import { FleetError } from '../errors.ts';
import { canonicalJson } from '../json.ts';

/** JSON that an entry can carry. Ids, counts and digests; never a key and never a whole row. */
export type AuditValue = string | number | boolean | readonly AuditValue[] | { readonly [name: string]: AuditValue };

/** What somebody does that the audit trail has to show. */
export interface AuditAct {
  /** The id of the HTTP operation, or of the work: `delete-device`, `issue-certificates`. */
  readonly action: string;
  /** As `Act.by`: a signed-in user, `function key`, or `order` and its source. */
  readonly by: string;
  /** The role that let the caller in. Absent for work that no caller started, and for function keys. */
  readonly role?: string | undefined;
  /** What it is done to, by kind: `{ deviceId: 'gw-1' }`, `{ jobId, chunk }`. */
  readonly subject: Readonly<Record<string, AuditValue | undefined>>;
  /** The reason that the caller gave. */
  readonly why?: string | undefined;
  /** The id of the request or message in log and traces. */
  readonly trace?: string | undefined;
  readonly details?: Readonly<Record<string, AuditValue | undefined>> | undefined;
}

/** How it ended. */
export interface AuditOutcome {
  readonly outcome: 'done' | 'failed';
  /** Error code of a failure. */
  readonly code?: string | undefined;
  readonly details?: AuditAct['details'];
}

/**
 * One entry of the audit trail, as canonical JSON (lib/json.ts). An act has two: its intent from before the effect, and its
 * result. An intent without a result is an act whose end is not known.
 */
export interface AuditEntry extends AuditAct, Partial<Omit<AuditOutcome, 'details'>> {
  readonly v: 1;
  /** The same for an intent and its result. */
  readonly id: string;
  readonly phase: 'intent' | 'result';
  /** ISO 8601, UTC, by the clock of the instance. The order of entries is that of the log. */
  readonly at: string;
}

/** An entry bundle has the length of each entry as 16 bits (C2SP tlog-tiles, "Log entries"). */
export const maxEntryBytes = 0xffff;

/** Characters of a text that came from a caller. An entry always fits, whatever was sent. */
const maxTextLength = 1024;

/**
 * @returns the entry as one line of canonical JSON, without the line break. Texts are cut to 1,024 characters.
 * @throws FleetError `internal` when it is longer than 65,535 bytes
 */
export function encodeEntry(entry: AuditEntry): Buffer {
  const body = Buffer.from(canonicalJson(shortened(entry)));
  if (body.length <= maxEntryBytes) return body;
  throw new FleetError(
    'internal',
    `An audit entry "${entry.action}" has ${body.length} bytes; at most ${maxEntryBytes}.`,
  );
}

function shortened(value: unknown): unknown {
  if (typeof value === 'string') return value.slice(0, maxTextLength);
  if (Array.isArray(value)) return value.map(shortened);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shortened(member)]));
}

/** @returns undefined when the bytes are not an entry of this app */
export function decodeEntry(body: Uint8Array): AuditEntry | undefined {
  try {
    const entry = JSON.parse(Buffer.from(body).toString()) as Partial<AuditEntry> | null;
    const isEntry =
      entry?.v === 1 &&
      (entry.phase === 'intent' || entry.phase === 'result') &&
      [entry.id, entry.at, entry.action, entry.by].every((text) => typeof text === 'string') &&
      typeof entry.subject === 'object';
    return isEntry ? (entry as AuditEntry) : undefined;
  } catch {
    return undefined;
  }
}
