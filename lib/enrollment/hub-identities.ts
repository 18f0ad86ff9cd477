import type { DoorChange } from './door-change.ts';
import type { ObservedIdentity } from './observed.ts';

/** A device in the identity registry of a hub, as far as it decides whether the device may connect. */
export interface HubIdentity {
  /** `absent`: the hub has no such device. */
  readonly status: 'enabled' | 'disabled' | 'absent';
  /** Why it is disabled, as the one who did it wrote it. */
  readonly statusReason?: string;
}

/**
 * Whether devices may connect to their hubs: the identity registry. Adapter: lib/azure/hub-identities.ts.
 * https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-identity-registry
 * Every method throws FleetError `throttled`, `unavailable`, and `concurrent-change` when the identity changes faster than it
 * can be written.
 */
export interface HubIdentities {
  read(hub: string, deviceId: string): Promise<HubIdentity>;
  /** The whole identity, without its twin, as the hub has it at this moment; null when there is none. */
  observe(hub: string, deviceId: string): Promise<ObservedIdentity | null>;
  /**
   * Disables an identity, which ends its connections, and keeps all else of it. One that is disabled by an earlier operation
   * of this deployment gets the new reason. One that was disabled elsewhere is left.
   * @param reason at most 128 characters; the mark of the operation
   * @returns the identity as the hub has it afterwards, read again
   */
  disable(hub: string, deviceId: string, reason: string, change: DoorChange): Promise<HubIdentity>;
  /**
   * Enables an identity that this deployment disabled, and leaves any other.
   * @returns the identity as the hub has it afterwards, read again
   */
  enable(hub: string, deviceId: string, change: DoorChange): Promise<HubIdentity>;
}
