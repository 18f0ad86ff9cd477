import { createHash } from 'node:crypto';
import { FleetError } from '../errors.ts';
import { addOutcomes, type CheckSummary, createFaultCount, noOutcomes } from '../jobs/check.ts';
import { type Deployment, estimate, type GroupWork } from '../jobs/estimate.ts';
import { canonicalJson } from '../json.ts';
import { createRepairCount, type RepairName, type Repairs } from '../manifest/repairs.ts';
import type { CheckedChunk } from './check-chunk.ts';
import type { CheckedListOptions } from './checked-list.ts';

/** Sums up the chunks of a check. Its memory grows by one digest per chunk. */
export interface CheckSum {
  /** @param chunk the next one of the list */
  add(chunk: CheckedChunk): void;
  readonly repairs: Repairs;
  /** @see CheckSummary.digest */
  digest(list: CheckedListOptions): string;
  summary(list: CheckedListOptions, how: { readonly deployment: Deployment; readonly at: Date }): CheckSummary;
}

export function createCheckSum(): CheckSum {
  const faults = createFaultCount();
  const digests: string[] = [];
  const work = new Map<string, GroupWork>();
  const repairs = createRepairCount();
  let outcomes = noOutcomes;

  function digest(list: CheckedListOptions): string {
    const { sha256, format, defaultGroup, onConflict, allowedGroups } = list;
    const limit = allowedGroups?.toSorted();
    const covered = { sha256, format, defaultGroup, onConflict, allowedGroups: limit, chunks: digests };
    return `sha256:${createHash('sha256').update(canonicalJson(covered)).digest('hex')}`;
  }

  return {
    add({ faults: found, check }) {
      faults.add(found);
      digests.push(check.digest);
      outcomes = addOutcomes(outcomes, check.outcomes);
      for (const each of check.work) addWork(work, each);
      for (const [name, times] of Object.entries(check.repairs)) {
        repairs.add(name as RepairName, times);
      }
    },

    repairs: repairs.repairs,
    digest,

    summary(list, { deployment, at }) {
      return {
        digest: digest(list),
        checkedAt: at.toISOString(),
        outcomes,
        faults: faults.groups(),
        estimate: estimate({ work: [...work.values()], deployment }),
      };
    },
  };
}

/** Work that differs in the number of devices only is one entry. */
function addWork(all: Map<string, GroupWork>, { devices, newDevices, ...perDevice }: GroupWork): void {
  const key = canonicalJson(perDevice);
  const known = all.get(key) ?? { devices: 0, newDevices: 0, ...perDevice };
  all.set(key, { ...known, devices: known.devices + devices, newDevices: known.newDevices + newDevices });
}

/** The error of a list for which a check no longer holds. */
export function checkChanged(expected: string, found: string): FleetError {
  const message =
    'The check does not hold any longer: the list, its options, a group or the record of a device is not as it was then.';
  return new FleetError('check-changed', message, { column: 'check', expected, value: found });
}
