import { issueAction } from './certificates.ts';
import type { AuditEntry, AuditValue } from './entry.ts';

/** Which entries a reader asks for. Every member has to match. */
export interface AuditQuery {
  readonly action?: string | undefined;
  /** The name of who did it, or the object id of a signed-in user. */
  readonly by?: string | undefined;
  readonly enrollmentGroup?: string | undefined;
  readonly jobId?: string | undefined;
  readonly device?: AskedDevice | undefined;
}

export interface AskedDevice {
  readonly deviceId: string;
  /** Archives in which the record of the device has a bundle. The entry of a chunk names its archive and not its devices. */
  readonly archives: readonly string[];
}

/** Whether an entry is about everything that the query names. */
export function isAbout(entry: AuditEntry, { action, by, enrollmentGroup, jobId, device }: AuditQuery): boolean {
  return (
    (action === undefined || entry.action === action) &&
    (by === undefined || entry.by === by || entry.by.endsWith(` (${by})`)) &&
    (enrollmentGroup === undefined || isAboutGroup(entry, enrollmentGroup)) &&
    (jobId === undefined || names(entry, 'jobId', jobId)) &&
    (device === undefined || isAboutDevice(entry, device))
  );
}

function isAboutGroup(entry: AuditEntry, id: string): boolean {
  if (names(entry, 'enrollmentGroup', id) || names(entry, 'group', id)) return true;
  if (entry.action.endsWith('-enrollment-group')) return names(entry, 'id', id);
  const groups = entry.details?.['groups'];
  return Array.isArray(groups) && groups.some((group: AuditValue) => memberOf(group, 'enrollmentGroup') === id);
}

function isAboutDevice(entry: AuditEntry, { deviceId, archives }: AskedDevice): boolean {
  if (names(entry, 'deviceId', deviceId)) return true;
  if (entry.action !== issueAction) return false;
  const archive = entry.details?.['archive'];
  return typeof archive === 'string' && archives.includes(archive);
}

/** An act names what it is done to, and its result what it made. */
function names({ subject, details }: AuditEntry, member: string, value: string): boolean {
  return subject[member] === value || details?.[member] === value;
}

function memberOf(value: AuditValue, member: string): unknown {
  return typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, AuditValue>)[member] : undefined;
}
