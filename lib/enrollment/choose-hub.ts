import { createHash } from 'node:crypto';
import type { GroupDefinition } from '../groups/definition.ts';

export interface HubChoice {
  readonly registrationId: string;
  readonly definition: Pick<GroupDefinition, 'iotHubs' | 'reprovisionPolicy'>;
  /** Host names of the hubs that DPS is linked to. */
  readonly linkedHubs: readonly string[];
  /** The hub where the device is. Absent at its first registration. */
  readonly currentHub?: string | undefined;
}

/**
 * The hub of a device, among those that are linked and that its group allows. A device stays where it is while it may, so
 * another hub in the list moves no device. With `updateHubAssignment` false it stays while the hub is linked.
 * @returns undefined when no hub is allowed
 */
export function chooseHub({ registrationId, definition, linkedHubs, currentHub }: HubChoice): string | undefined {
  const { iotHubs, reprovisionPolicy } = definition;
  const isAllowed = (hub: string) => iotHubs.length === 0 || iotHubs.some((each) => isSameHub(each, hub));
  const allowed = linkedHubs.filter(isAllowed);
  const staysAmong = reprovisionPolicy.updateHubAssignment ? allowed : linkedHubs;
  const current = currentHub === undefined ? undefined : staysAmong.find((hub) => isSameHub(hub, currentHub));
  return current ?? evenly(registrationId, allowed);
}

/** Host names have no case. */
const isSameHub = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/**
 * Rendezvous hashing: each hub gets the same share, and a hub that is added or removed moves only its own devices. The order
 * of the hubs does not matter.
 * https://doi.org/10.1109/90.663936
 */
function evenly(registrationId: string, hubs: readonly string[]): string | undefined {
  let best: { hub: string; score: string } | undefined;
  for (const hub of hubs) {
    const text = `${hub.toLowerCase()}\n${registrationId.toLowerCase()}`;
    const score = createHash('sha256').update(text).digest('hex');
    if (best === undefined || score > best.score) best = { hub, score };
  }
  return best?.hub;
}
