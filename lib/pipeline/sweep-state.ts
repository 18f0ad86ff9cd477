import { defaultDps, nameForDps } from '../groups/dps-instance.ts';
import type { BlobStore } from '../storage.ts';

/** The phases of a sweep, in order. */
export const sweepPhases = [
  'groups',
  'enrollments',
  'registrations',
  'missing',
  'records',
  'blocks',
  'hubs',
  'jobs',
  'unseen',
  'end',
] as const;
export type SweepPhase = (typeof sweepPhases)[number];

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
  /** How many of them there should be, as the records say. Counted once, since it is a query over all records. */
  readonly expected?: Readonly<Record<string, number>>;
  /** Devices that have to be blocked in DPS: as the records say, and as DPS has them. */
  readonly blocks: { readonly expected: number; readonly seen: number };
  /** Hubs that devices are assigned to, each with the number of identities that the records account for. */
  readonly hubs: Readonly<Record<string, number>>;
  /** Hubs that did not answer. They are left out until the next sweep. */
  readonly silentHubs: readonly string[];
  /** Identities that each hub has, those of others included. Absent in a cursor of an earlier version. */
  readonly identitiesAt?: Readonly<Record<string, number>>;
  /** Identities of devices that hubs were asked for: those behind the id `from`. */
  readonly identities: { readonly from: string; readonly asked: number; readonly confirmed: number };
  readonly figures: SweepFigures;
}

/** What a sweep looked at, and what became of it. */
export interface SweepFigures {
  readonly groups: number;
  readonly enrollments: number;
  readonly registrations: number;
  /** Device records that were compared. */
  readonly devices: number;
  readonly identities: number;
  /** Calls to DPS and hubs. */
  readonly calls: number;
  /** Device records that were brought up to date. */
  readonly changed: number;
  /** Findings that were opened, that ended, and that were repaired at once. */
  readonly opened: number;
  readonly gone: number;
  readonly repaired: number;
  /** Hubs that did not answer. Their identities were not looked at. */
  readonly silentHubs: number;
}

export interface SweepState {
  /** Absent when no sweep is under way. */
  readonly cursor?: SweepCursor;
  /** The latest sweep that ended. */
  readonly latest?: LatestSweep;
  /** Where the next sweep begins in a hub or a group that one sweep reads only a part of, by name. */
  readonly places: Readonly<Record<string, string>>;
}

export interface LatestSweep {
  readonly began: string;
  readonly endedAt: string;
  readonly figures: SweepFigures;
  /**
   * Hubs that devices are assigned to, by host name, with the number of identities that each has; null: it did not answer.
   * Absent in a state of an earlier version.
   */
  readonly hubs?: Readonly<Record<string, number | null>>;
}

export const noFigures: SweepFigures = {
  groups: 0,
  enrollments: 0,
  registrations: 0,
  devices: 0,
  identities: 0,
  calls: 0,
  changed: 0,
  opened: 0,
  gone: 0,
  repaired: 0,
  silentHubs: 0,
};

/** @param at when the sweep begins */
export function firstCursor(at: Date): SweepCursor {
  return {
    ...{ began: at.toISOString(), phase: 'groups', pages: 0, seen: {}, hubs: {}, silentHubs: [], figures: noFigures },
    blocks: { expected: 0, seen: 0 },
    identities: { from: '', asked: 0, confirmed: 0 },
  };
}

/** In the container `reports`. A sweep whose state was deleted begins again. */
const blobName = (dps: string) => `${nameForDps('_sweep', dps)}.json`;

/**
 * @param dps the instance that the sweep looks at
 * @returns an empty state when there is none, or none that can be read. A sweep that an earlier version began is begun again:
 * it would have gone on without the phases that are new
 */
export async function readSweepState(reports: BlobStore, dps: string = defaultDps): Promise<SweepState> {
  const body = await reports.read(blobName(dps));
  if (body === undefined) return { places: {} };
  try {
    const state = JSON.parse(body.toString()) as SweepState;
    if (state.cursor === undefined || state.cursor.blocks !== undefined) return state;
    return { ...state, cursor: firstCursor(new Date(state.cursor.began)) };
  } catch {
    return { places: {} };
  }
}

export function writeSweepState(reports: BlobStore, state: SweepState, dps: string = defaultDps): Promise<void> {
  return reports.write(blobName(dps), Buffer.from(JSON.stringify(state)), { contentType: 'application/json' });
}
