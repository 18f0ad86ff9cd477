import { createHash } from 'node:crypto';
import type { Entry } from '../entries/entry.ts';
import type { LinkedHub, Settings } from '../options.ts';

/** Why no hub can be given. */
export class AllocationError extends Error {
  override readonly name = 'AllocationError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** The linked hubs that the entry allows: those it lists, or all. */
export function allowedHubs(entry: Entry, hubs: readonly LinkedHub[]): LinkedHub[] {
  const { iotHubs, iotHubHostName } = entry.settings;
  const listed = iotHubs && iotHubs.length > 0 ? iotHubs : iotHubHostName ? [iotHubHostName] : undefined;
  return hubs.filter(
    (hub) => !listed || listed.some((hostName) => hostName.toLowerCase() === hub.hostName.toLowerCase()),
  );
}

/** The entry's own policy, or the service's. */
export function allocationPolicyOf(
  entry: Entry,
  { defaultAllocationPolicy }: Pick<Settings, 'defaultAllocationPolicy'>,
) {
  return entry.settings.allocationPolicy ?? defaultAllocationPolicy;
}

/**
 * The hub under the policies that need nobody else's word.
 * @throws AllocationError when there is none
 */
export function allocate(
  policy: 'hashed' | 'geoLatency' | 'static',
  registrationId: string,
  hubs: readonly LinkedHub[],
): LinkedHub {
  const [first] = hubs;
  if (!first) throw new AllocationError(400000, 'No IoT hub is linked that the enrollment allows.');
  if (policy === 'hashed') return hashed(registrationId, hubs);
  if (policy === 'geoLatency')
    return hubs.reduce((best, hub) => ((hub.latencyMs ?? 0) < (best.latencyMs ?? 0) ? hub : best));
  if (hubs.length > 1) throw new AllocationError(400000, 'The static allocation policy needs exactly one IoT hub.');
  return first;
}

/**
 * Weighted rendezvous hashing: each hub's share follows its weight, a device always gets the same hub, and linking one
 * more hub moves only the devices that go there. (How the real service hashes is not published.)
 */
function hashed(registrationId: string, hubs: readonly LinkedHub[]): LinkedHub {
  const scored = hubs.map((hub) => {
    const digest = createHash('sha256')
      .update(`${hub.hostName.toLowerCase()}\n${registrationId.toLowerCase()}`)
      .digest();
    // 48 bits as a fraction in (0, 1); -weight / ln(fraction) gives shares in proportion to the weights.
    const fraction = (digest.readUIntBE(0, 6) + 1) / (2 ** 48 + 1);
    return { hub, score: -(hub.weight ?? 1) / Math.log(fraction) };
  });
  return scored.reduce((best, each) => (each.score > best.score ? each : best)).hub;
}
