import type { DeviceRecord } from '../devices/device.ts';
import type { DpsPlaces } from '../enrollment/dps-places.ts';
import type { Enrollments } from '../enrollment/enrollments.ts';
import type { FleetReader, ObservedDevice } from '../enrollment/observed.ts';
import type { Detected, Observe } from '../findings/observation.ts';
import { defaultDps } from '../groups/dps-instance.ts';
import type { RateLimiter } from '../rate-limiter.ts';
import { retrying } from '../retry.ts';
import type { Versioned } from '../storage.ts';
import type { Ports } from './ports.ts';
import {
  noFigures,
  type SweepCursor,
  type SweepFigures,
  type SweepPhase,
  type SweepState,
  sweepPhases,
} from './sweep-state.ts';

/* What the steps of a sweep have in common: the ports, the place, and the figures. */

export type SweepPorts = Pick<
  Ports,
  | 'devices'
  | 'groups'
  | 'jobs'
  | 'reports'
  | 'enrollments'
  | 'twins'
  | 'identities'
  | 'announceAssigned'
  | 'retry'
  | 'now'
> & {
  readonly dps: SweptDps;
  readonly places: DpsPlaces;
  readonly fleet: FleetReader;
  /** Queries of a hub: the sweep's share of the quota. */
  readonly queryRateLimiter: (hub: string) => RateLimiter;
  /** Operations of the registries of hubs. */
  readonly registryRateLimiter: RateLimiter;
  /** Takes what is seen (detect-drift.ts). */
  readonly observe: Observe;
};

/** The DPS instance that a sweep looks at. Each instance has its own sweep, so a slow one does not hold up the others. */
export interface SweptDps {
  readonly name: string;
  /** The calls of this instance alone. A sweep waits for its own share of the quota (`askDps`). */
  readonly enrollments: Pick<Enrollments, 'enrollment' | 'registration' | 'deleteRegistration'>;
  /** Operations of this instance: the sweep's share of its quota. */
  readonly rateLimiter: RateLimiter;
}

/** Which of these devices the sweep looks at. */
export interface DevicesHere {
  /** The group of the device is in the instance, or is not known any more and the instance is `default`. */
  isHome(deviceId: string): boolean;
  /** The instance may know the device: it is at home here, or was in a group that is. */
  isKnown(deviceId: string): boolean;
}

export async function devicesHere(
  records: Iterable<DeviceRecord>,
  { dps, places }: Pick<SweepPorts, 'dps' | 'places'>,
): Promise<DevicesHere> {
  const known = await places.ofRecords([...records]);
  const namesOf = (deviceId: string) => known.get(deviceId) ?? [defaultDps];
  return {
    isHome: (deviceId) => namesOf(deviceId)[0] === dps.name,
    isKnown: (deviceId) => namesOf(deviceId).includes(dps.name),
  };
}

/** Where a sweep is, and what the next one has to know. */
interface Place {
  readonly cursor: SweepCursor;
  readonly state: SweepState;
}

/** Reads one page, hands it over, and says where the next one is. A step that is repeated changes nothing. */
export type Step = (cursor: SweepCursor, state: SweepState, ports: SweepPorts) => Promise<Place>;
export type Steps<Phase extends SweepPhase> = Readonly<Record<Phase, Step>>;

/** Devices per page, as DPS and a hub have. */
export const pageSize = 100;

/** Hands devices over, 100 at most at a time, each part with its own records. */
export async function observeDevices(
  cursor: SweepCursor,
  devices: readonly ObservedDevice[],
  records: ReadonlyMap<string, Versioned<DeviceRecord>>,
  { observe, now }: SweepPorts,
): Promise<SweepCursor> {
  let { figures } = cursor;
  for (let from = 0; from < devices.length; from += pageSize) {
    const part = devices.slice(from, from + pageSize);
    const own = new Map(
      part.flatMap(({ deviceId }) => {
        const record = records.get(deviceId);
        return record === undefined ? [] : [[deviceId, record] as const];
      }),
    );
    const detected = await observe({ of: 'devices', at: now().toISOString(), devices: part, records: own });
    figures = withDetected({ ...cursor, figures }, detected);
  }
  return { ...cursor, figures };
}

/** Asks DPS at the pace of the sweep. @throws FleetError `throttled`, `unavailable` */
export async function askDps<T>({ dps, retry }: SweepPorts, ask: () => Promise<T>): Promise<T> {
  await dps.rateLimiter.acquire(1);
  return retrying(ask, retry);
}

/** Issued, and not taken back or in work. */
export function isWorking({ status }: DeviceRecord): boolean {
  return status === 'provisioned' || status === 'assigned';
}

/** @returns undefined when there is no further page */
export function nextPage(cursor: SweepCursor, continuation: string | undefined): SweepCursor | undefined {
  return continuation === undefined ? undefined : { ...cursor, continuation };
}

/** The cursor behind a group or a hub. No id has U+0020, which sorts before every character of one. */
export function after({ continuation: _continuation, ...cursor }: SweepCursor, name: string): SweepCursor {
  return { ...cursor, at: `${name} `, pages: 0 };
}

/** The cursor at the beginning of the next phase. */
export function nextPhase({ at: _at, continuation: _continuation, ...cursor }: SweepCursor): SweepCursor {
  return { ...cursor, phase: sweepPhases[sweepPhases.indexOf(cursor.phase) + 1] ?? 'end', pages: 0 };
}

/** The state with the place in a group or hub where the next sweep begins. */
export function placed(state: SweepState, name: string, continuation: string | undefined): SweepState {
  const { [name]: _before, ...places } = state.places;
  return { ...state, places: continuation === undefined ? places : { ...places, [name]: continuation } };
}

/** The cursor with these figures added to its own. */
export function added(cursor: SweepCursor, more: Partial<SweepFigures>): SweepCursor {
  const figures = { ...cursor.figures };
  for (const name of Object.keys(noFigures) as (keyof SweepFigures)[]) figures[name] += more[name] ?? 0;
  return { ...cursor, figures };
}

/** The figures with what became of an observation. */
export function withDetected({ figures }: SweepCursor, { opened, gone, repaired }: Detected): SweepFigures {
  return {
    ...figures,
    opened: figures.opened + opened,
    gone: figures.gone + gone,
    repaired: figures.repaired + repaired,
  };
}
