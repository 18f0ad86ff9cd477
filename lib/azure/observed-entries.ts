import type { EntrySettings, ObservedEntry, ObservedIdentity } from '../enrollment/observed.ts';
import { type DpsEntry, foundEntry } from './dps-entries.ts';

/* Entries of DPS and identities of IoT Hub as they are on the wire, to our own. */

/** A group or an individual enrollment (service API 2021-10-01). DPS leaves out what was not sent, and what is null. */
export interface DpsEntryOnWire extends DpsEntry {
  readonly enrollmentGroupId?: string;
  readonly registrationId?: string;
  readonly capabilities?: { readonly iotEdge?: boolean } | null;
  readonly reprovisionPolicy?: {
    readonly updateHubAssignment?: boolean;
    readonly migrateDeviceData?: boolean;
  } | null;
  readonly allocationPolicy?: string | null;
  readonly iotHubs?: readonly string[] | null;
  readonly iotHubHostName?: string | null;
  readonly customAllocationDefinition?: { readonly webhookUrl?: string; readonly apiVersion?: string } | null;
}

/** @returns an entry with the documented defaults of DPS where it leaves a setting out */
export function observedEntry(entry: DpsEntryOnWire): ObservedEntry {
  const id = entry.enrollmentGroupId ?? entry.registrationId ?? '';
  return { ...foundEntry(entry), id: id.toLowerCase(), settings: settingsOf(entry) };
}

/**
 * Defaults: https://learn.microsoft.com/rest/api/iot-dps/service/enrollment-group/get (reprovisionPolicy, provisioningStatus,
 * capabilities) and https://learn.microsoft.com/azure/iot-dps/how-to-use-allocation-policies ("Evenly weighted distribution ...
 * is the default setting").
 */
function settingsOf(entry: Omit<DpsEntryOnWire, 'attestation'>): EntrySettings {
  const { capabilities, provisioningStatus, reprovisionPolicy, allocationPolicy } = entry;
  const { iotHubs, iotHubHostName, customAllocationDefinition: webhook } = entry;
  const twin = (entry.initialTwin ?? {}) as { tags?: unknown; properties?: { desired?: unknown } | null };
  const hubs = [...(iotHubs ?? []), ...(iotHubHostName ? [iotHubHostName] : [])];
  return {
    iotEdge: capabilities?.iotEdge ?? false,
    provisioningStatus: provisioningStatus?.toLowerCase() === 'disabled' ? 'disabled' : 'enabled',
    reprovisionPolicy: {
      updateHubAssignment: reprovisionPolicy?.updateHubAssignment ?? true,
      migrateDeviceData: reprovisionPolicy?.migrateDeviceData ?? true,
    },
    allocationPolicy: allocationPolicy ?? 'hashed',
    iotHubs: [...new Set(hubs.map((hub) => hub.toLowerCase()))].sort(),
    ...(webhook && { webhook: { url: webhook.webhookUrl ?? '', apiVersion: webhook.apiVersion ?? '' } }),
    tags: withoutSystemMembers(twin.tags),
    desired: withoutSystemMembers(twin.properties?.desired),
  };
}

/** An identity as the registry shows it, or as a line of an export job (`id`, `eTag`). */
export interface HubIdentityOnWire {
  readonly deviceId?: string;
  readonly id?: string;
  readonly etag?: string;
  readonly eTag?: string;
  readonly status?: string | null;
  readonly statusReason?: string | null;
  readonly authentication?: {
    readonly type?: string | null;
    readonly x509Thumbprint?: {
      readonly primaryThumbprint?: string | null;
      readonly secondaryThumbprint?: string | null;
    } | null;
  } | null;
  readonly tags?: unknown;
}

/**
 * @param hub host name
 * @returns an identity, with tags where the source has them
 */
export function observedIdentity(identity: HubIdentityOnWire, hub: string): ObservedIdentity {
  const { status, statusReason, authentication, tags } = identity;
  const { primaryThumbprint, secondaryThumbprint } = authentication?.x509Thumbprint ?? {};
  const thumbprints = [primaryThumbprint, secondaryThumbprint].filter((each) => typeof each === 'string');
  return {
    deviceId: identity.deviceId ?? identity.id ?? '',
    hub: hub.toLowerCase(),
    status: status?.toLowerCase() === 'disabled' ? 'disabled' : 'enabled',
    ...(statusReason && { statusReason }),
    authentication: (authentication?.type ?? 'sas') as ObservedIdentity['authentication'],
    thumbprints: thumbprints.filter((each) => each !== '').map((each) => each.toUpperCase()),
    etag: identity.etag ?? identity.eTag ?? '',
    ...(tags !== undefined && { tags: withoutSystemMembers(tags) }),
  };
}

/** A twin collection without the members that the services add (`$version`, `$metadata`). */
function withoutSystemMembers(collection: unknown): Record<string, unknown> {
  const members = Object.entries((collection ?? {}) as Record<string, unknown>);
  return Object.fromEntries(members.filter(([name]) => !name.startsWith('$')));
}
