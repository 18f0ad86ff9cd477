import { hash } from 'node:crypto';
import { canonicalJson } from '../json.ts';
import { maxEntryBytes } from './entry.ts';

/**
 * A segment of the intake. Writers begin the next one only when a segment is full for good. So a segment that has a successor
 * never changes.
 * @param number from 0
 */
export function segmentName(number: number): string {
  return `intake/${String(number).padStart(6, '0')}`;
}

/**
 * The entry of a line. A line that no entry bundle can hold did not come from this app: its digest takes its place, and the
 * log goes on.
 */
export function asEntry(line: Buffer): Buffer {
  if (line.length <= maxEntryBytes) return line;
  const sha256 = hash('sha256', line, 'hex');
  return Buffer.from(canonicalJson({ v: 1, phase: 'unreadable', bytes: line.length, sha256 }));
}
