import { FleetError } from '../errors.ts';
import { finishIfDone } from '../jobs/count-part.ts';
import { dpsSteps } from './sweep-dps.ts';
import { hubSteps, identitiesPlace } from './sweep-hubs.ts';
import {
  firstCursor,
  type LatestSweep,
  readSweepState,
  type SweepCursor,
  type SweepFigures,
  type SweepPhase,
  type SweepState,
  writeSweepState,
} from './sweep-state.ts';
import { added, nextPage, nextPhase, pageSize, type Step, type Steps, type SweepPorts } from './sweep-step.ts';

export type { SweepPorts } from './sweep-step.ts';

/** A run ends in time before `functionTimeout`, 30 minutes. The next one goes on. */
const longestRunMs = 20 * 60 * 1000;

/** Steps, and milliseconds, between two writes of the state. After a crash they are repeated, which changes nothing. */
const stepsPerWrite = 20;
const msPerWrite = 60_000;

/** Jobs that are looked at: a job is done within days. */
const jobDays = 7;

/**
 * Looks at everything that this deployment made in one DPS instance: enrollment groups, individual enrollments, registrations, device records and
 * hub identities. Brings the records up to date and hands what it sees to `observe`. It reads by pages, so its memory does not grow with the
 * fleet, and keeps its place, so a run that ends or is cut is continued by the next one.
 * @param begin begins a sweep when none is under way; without it, only one that is under way goes on
 * @returns the figures when the sweep ended in this run
 * @throws FleetError `throttled`, `unavailable`; the next run goes on
 */
export async function sweep(
  ports: SweepPorts,
  { begin }: { readonly begin: boolean },
): Promise<SweepFigures | undefined> {
  const { reports, dps, now } = ports;
  let state = await readSweepState(reports, dps.name);
  if (state.cursor === undefined && !begin) return undefined;
  let cursor = state.cursor ?? firstCursor(now());
  const startedAt = now().getTime();
  let writtenAt = startedAt;
  let isEnded = false;
  try {
    for (let step = 1; cursor.phase !== 'end' && now().getTime() - startedAt < longestRunMs; step++) {
      ({ cursor, state } = await steps[cursor.phase](cursor, state, ports));
      const time = now().getTime();
      if (step % stepsPerWrite !== 0 && time - writtenAt < msPerWrite) continue;
      await writeSweepState(reports, { ...state, cursor }, dps.name);
      writtenAt = time;
    }
    if (cursor.phase !== 'end') return undefined;
    const { began, figures } = cursor;
    const latest = { began, endedAt: now().toISOString(), figures, hubs: hubsOf(cursor) };
    await writeSweepState(reports, { latest, places: await knownPlaces(state, cursor, ports) }, dps.name);
    isEnded = true;
    return figures;
  } catch (error) {
    // DPS gives no promise how long a continuation is good for. The group or the list is read again from its beginning.
    if (!(error instanceof FleetError)) cursor = fromItsBeginning(cursor);
    throw error;
  } finally {
    if (!isEnded) await writeSweepState(reports, { ...state, cursor }, dps.name);
  }
}

const steps: Steps<Exclude<SweepPhase, 'end'>> = { ...dpsSteps, ...hubSteps, jobs, unseen };

/** A hub that did not answer once is silent, also when it was counted before. */
function hubsOf({ hubs, identitiesAt = {}, silentHubs }: SweepCursor): LatestSweep['hubs'] {
  const names = [...new Set([...Object.keys(hubs), ...silentHubs])].sort();
  return Object.fromEntries(names.map((hub) => [hub, silentHubs.includes(hub) ? null : (identitiesAt[hub] ?? null)]));
}

/** Ends jobs whose rows are all counted and whose last write was lost, also that of a second end, after a retry. */
async function jobs(...[cursor, state, ports]: Parameters<Step>): ReturnType<Step> {
  const at = ports.now();
  const since = new Date(at.getTime() - jobDays * 24 * 60 * 60 * 1000).toISOString();
  const page = await ports.jobs.list({ since, size: pageSize, continuation: cursor.continuation });
  for (const job of page.items) await finishIfDone(ports, job, at);
  return { cursor: nextPage(cursor, page.continuation) ?? nextPhase(cursor), state };
}

/** Ends findings whose subject is gone. */
async function unseen(...[cursor, state, ports]: Parameters<Step>): ReturnType<Step> {
  const { began, continuation: place } = cursor;
  const { gone, next } = await ports.observe({
    ...{ of: 'end', at: ports.now().toISOString(), began, place },
    dps: ports.dps.name,
  });
  const counted = added(cursor, { gone });
  return { cursor: nextPage(counted, next) ?? nextPhase(counted), state };
}

/** Places in groups that were deleted and in hubs that no device is assigned to would be kept forever. */
async function knownPlaces(
  { places }: SweepState,
  { hubs }: SweepCursor,
  { groups }: SweepPorts,
): Promise<SweepState['places']> {
  const known = new Set([identitiesPlace, ...Object.keys(hubs), ...(await groups.directory()).keys()]);
  return Object.fromEntries(Object.entries(places).filter(([name]) => known.has(name)));
}

function fromItsBeginning({ continuation: _continuation, ...cursor }: SweepCursor): SweepCursor {
  return { ...cursor, pages: 0 };
}
