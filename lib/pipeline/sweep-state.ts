import type { BlobStore } from '../storage.ts';

/** Steps of a sweep, in order. */
export type SweepPhase = 'groups' | 'enrollments' | 'registrations' | 'missing' | 'hubs' | 'jobs' | 'end';

/** How far a sweep is. It goes on from here in the next run. */
export interface SweepCursor {
  /** When the sweep began: ISO 8601, UTC. */
  readonly began: string;
  readonly phase: SweepPhase;
  /** The group or hub whose pages are read. Those that sort before it are done. */
  readonly at?: string;
  readonly continuation?: string;
  /** Pages read of `at`. */
  readonly pages: number;
  /** Individual enrollments or assigned registrations of our devices that DPS has, by group. */
  readonly seen: Readonly<Record<string, number>>;
  /** Hubs that devices are assigned to. */
  readonly hubs: readonly string[];
  readonly figures: SweepFigures;
}

/** What a sweep looked at, and what became of it. */
export interface SweepFigures {
  readonly groups: number;
  readonly enrollments: number;
  readonly registrations: number;
  readonly identities: number;
  /** Calls to DPS and hubs. */
  readonly calls: number;
  /** Device records that were brought up to date. */
  readonly changed: number;
  /** Findings that were opened, and that ended. */
  readonly opened: number;
  readonly gone: number;
}

export interface SweepState {
  /** Absent when no sweep is under way. */
  readonly cursor?: SweepCursor;
  /** The latest sweep that ended. */
  readonly latest?: { readonly began: string; readonly endedAt: string; readonly figures: SweepFigures };
  /** Where the next sweep begins in a hub or a group that one sweep reads only a part of, by name. */
  readonly places: Readonly<Record<string, string>>;
}

export const noFigures: SweepFigures = {
  groups: 0,
  enrollments: 0,
  registrations: 0,
  identities: 0,
  calls: 0,
  changed: 0,
  opened: 0,
  gone: 0,
};

/** In the container `reports`. A sweep whose state was deleted begins again. */
const blobName = '_sweep.json';

/** @returns an empty state when there is none, or none that can be read */
export async function readSweepState(reports: BlobStore): Promise<SweepState> {
  const body = await reports.read(blobName);
  if (body === undefined) return { places: {} };
  try {
    return JSON.parse(body.toString()) as SweepState;
  } catch {
    return { places: {} };
  }
}

export function writeSweepState(reports: BlobStore, state: SweepState): Promise<void> {
  return reports.write(blobName, Buffer.from(JSON.stringify(state)), { contentType: 'application/json' });
}
