import { type ErrorCode, excerpt } from '../errors.ts';
import type { RowError } from '../manifest/manifest.ts';
import type { Estimate } from './estimate.ts';

/** Rows by what a job would make of them. */
export interface RowOutcomes {
  /** Devices that would be provisioned for the first time, or again after a failure. */
  readonly new: number;
  /** Provisioned already, with the same content: nothing would be issued. */
  readonly unchanged: number;
  /** Provisioned already, with other content: a new certificate and bundle. */
  readonly replaced: number;
  /** Provisioned already, with the same content, and issued again as `onConflict` says. */
  readonly reissued: number;
  /** Rows with a fault. */
  readonly refused: number;
}

export type RowOutcome = keyof RowOutcomes;

export const noOutcomes: RowOutcomes = { new: 0, unchanged: 0, replaced: 0, reissued: 0, refused: 0 };

/** @returns the sum, outcome by outcome */
export function addOutcomes(sum: RowOutcomes, more: RowOutcomes): RowOutcomes {
  return {
    new: sum.new + more.new,
    unchanged: sum.unchanged + more.unchanged,
    replaced: sum.replaced + more.replaced,
    reissued: sum.reissued + more.reissued,
    refused: sum.refused + more.refused,
  };
}

/** What a check found in a list. */
export interface CheckSummary {
  /**
   * `sha256:` and 64 hex digits, over the list, its options, the groups that it uses and the records of its devices. The
   * same digest means that all of them are as they were.
   */
  readonly digest: string;
  /** When it was made: ISO 8601, UTC. */
  readonly checkedAt: string;
  readonly outcomes: RowOutcomes;
  /** One per error code, most rows first. */
  readonly faults: readonly FaultGroup[];
  readonly estimate: Estimate;
}

/** The rows with one error code. */
export interface FaultGroup {
  readonly code: ErrorCode;
  readonly rows: number;
  /** The first rows of them, `shownFaults` at most, in the order of the list. */
  readonly first: readonly ShownFault[];
}

export interface ShownFault {
  /** Line of the list on which the row begins, from 1. */
  readonly line: number;
  readonly message: string;
  readonly column?: string;
  readonly value?: string;
}

/** Rows that a check shows per error code. The error report has all of them. */
const shownFaults = 5;

/** Characters of a message that a check shows. A message can join ten errors, and a job has one record for all of them. */
const shownMessage = 400;

/** Groups faults by code. Its memory does not grow with the number of rows. */
export interface FaultCount {
  add(faults: readonly RowError[]): void;
  /** Most rows first; equal numbers in the order of their first rows. */
  groups(): FaultGroup[];
}

export function createFaultCount(): FaultCount {
  const counts = new Map<ErrorCode, { rows: number; first: ShownFault[] }>();
  return {
    add(faults) {
      for (const fault of faults) {
        const count = counts.get(fault.code) ?? { rows: 0, first: [] };
        counts.set(fault.code, count);
        count.rows += 1;
        if (count.first.length < shownFaults) count.first.push(shown(fault));
      }
    },
    groups() {
      const groups = [...counts].map(([code, { rows, first }]) => ({ code, rows, first: [...first] }));
      return groups.sort((a, b) => b.rows - a.rows);
    },
  };
}

function shown({ line, message, column, value }: RowError): ShownFault {
  const text = message.length > shownMessage ? `${message.slice(0, shownMessage - 3)}...` : message;
  return {
    line,
    message: text,
    ...(column !== undefined && { column: excerpt(column) }),
    ...(value !== undefined && { value: excerpt(value) }),
  };
}
