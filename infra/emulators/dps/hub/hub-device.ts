import type { JsonObject } from '../entries/entry.ts';
import type { DeviceCredential } from '../registrations/registration.ts';

/** A device of one hub: its identity and its twin. */
export interface HubDevice {
  /** Case-sensitive, unlike in DPS. */
  readonly deviceId: string;
  readonly generationId: string;
  readonly status: 'enabled' | 'disabled';
  readonly statusReason: string | null;
  readonly statusUpdatedTime: string;
  readonly authentication: HubAuthentication;
  readonly iotEdge: boolean;
  /** The scope of the parent IoT Edge device. */
  readonly parentScope?: string;
  /** Number of changes of the identity. */
  readonly identityVersion: number;
  /** Number of changes of the twin. */
  readonly twinVersion: number;
  readonly tags: JsonObject;
  readonly desired: TwinSection;
  readonly reported: TwinSection;
}

export interface HubAuthentication {
  readonly type: 'sas' | 'selfSigned' | 'certificateAuthority' | 'none';
  readonly symmetricKey: { readonly primaryKey: string | null; readonly secondaryKey: string | null };
  readonly x509Thumbprint: { readonly primaryThumbprint: string | null; readonly secondaryThumbprint: string | null };
}

/** .NET writes this time for a missing one. */
export const never = '0001-01-01T00:00:00Z';

/** DPS registers every device certificate by thumbprint as `selfSigned`, also an issued one. */
export function authenticationFor(credential: DeviceCredential): HubAuthentication {
  const noKeys = { primaryKey: null, secondaryKey: null };
  const noThumbprints = { primaryThumbprint: null, secondaryThumbprint: null };
  if (credential.type === 'x509') {
    return {
      type: 'selfSigned',
      symmetricKey: noKeys,
      x509Thumbprint: { primaryThumbprint: credential.thumbprint, secondaryThumbprint: null },
    };
  }
  const { primaryKey, secondaryKey } = credential;
  return { type: 'sas', symmetricKey: { primaryKey, secondaryKey }, x509Thumbprint: noThumbprints };
}

/** The etag of a twin: base64 of a counter of eight bytes. */
export function twinEtag(device: HubDevice): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(device.twinVersion));
  return bytes.toString('base64');
}

/** The etag of an identity: base64 of a decimal number. */
export function identityEtag(device: HubDevice): string {
  return Buffer.from(`${device.generationId.slice(-6)}${device.identityVersion}`).toString('base64');
}

/**
 * The scopes of a device. An Edge device has its own, generated scope. A leaf device has that of its parent.
 * https://learn.microsoft.com/rest/api/iothub/service/devices/get-identity#device
 */
export function scopesOf({ deviceId, generationId, iotEdge, parentScope }: HubDevice) {
  const deviceScope = iotEdge ? `ms-azure-iot-edge://${deviceId}-${generationId}` : parentScope;
  return {
    ...(deviceScope === undefined ? {} : { deviceScope }),
    ...(parentScope === undefined ? {} : { parentScopes: [parentScope] }),
  };
}

export function showIdentity(device: HubDevice, hubHostName: string): JsonObject {
  return {
    deviceId: device.deviceId,
    generationId: device.generationId,
    etag: identityEtag(device),
    connectionState: 'Disconnected',
    status: device.status,
    statusReason: device.statusReason,
    connectionStateUpdatedTime: never,
    statusUpdatedTime: device.statusUpdatedTime,
    lastActivityTime: never,
    cloudToDeviceMessageCount: 0,
    hub: hubHostName,
    authentication: device.authentication,
    capabilities: { iotEdge: device.iotEdge },
    ...scopesOf(device),
  };
}

export function showTwin(device: HubDevice): JsonObject {
  return {
    deviceId: device.deviceId,
    etag: twinEtag(device),
    deviceEtag: identityEtag(device),
    status: device.status,
    ...(device.statusReason === null ? {} : { statusReason: device.statusReason }),
    statusUpdateTime: device.statusUpdatedTime,
    connectionState: 'Disconnected',
    lastActivityTime: never,
    cloudToDeviceMessageCount: 0,
    authenticationType: device.authentication.type,
    x509Thumbprint: device.authentication.x509Thumbprint,
    modelId: '',
    version: device.twinVersion,
    tags: device.tags,
    properties: { desired: showSection(device.desired), reported: showSection(device.reported) },
    capabilities: { iotEdge: device.iotEdge },
    ...scopesOf(device),
  };
}

/** Desired or reported properties with their metadata. */
export interface TwinSection {
  readonly values: JsonObject;
  /** A tree of the same shape as `values`, with `$lastUpdated` and `$lastUpdatedVersion` at every node. */
  readonly metadata: JsonObject;
  readonly version: number;
}

export function newSection(values: JsonObject, time: string): TwinSection {
  return { values, metadata: stamp(values, time, 1), version: 1 };
}

/** Merges a patch as IoT Hub does: objects member by member, null removes, other values replace. */
export function patchSection(section: TwinSection, patch: JsonObject, time: string): TwinSection {
  const version = section.version + 1;
  return {
    values: mergePatch(section.values, patch),
    metadata: mergeMetadata(section.metadata, patch, time, version),
    version,
  };
}

export function replaceSection(section: TwinSection, values: JsonObject, time: string): TwinSection {
  const version = section.version + 1;
  return { values: mergePatch({}, values), metadata: stamp(values, time, version), version };
}

export function showSection({ values, metadata, version }: TwinSection): JsonObject {
  return { ...values, $metadata: metadata, $version: version };
}

export function mergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  const result = new Map(Object.entries(target));
  for (const [key, value] of Object.entries(patch)) {
    const current = result.get(key);
    if (value === null) result.delete(key);
    else if (isObject(value)) result.set(key, mergePatch(isObject(current) ? current : {}, value));
    else result.set(key, value);
  }
  return Object.fromEntries(result);
}

function mergeMetadata(metadata: JsonObject, patch: JsonObject, time: string, version: number): JsonObject {
  const result = new Map(Object.entries({ ...metadata, ...stampHere(time, version) }));
  for (const [key, value] of Object.entries(patch)) {
    const current = result.get(key);
    if (value === null) result.delete(key);
    else if (isObject(value)) result.set(key, mergeMetadata(isObject(current) ? current : {}, value, time, version));
    else result.set(key, stampHere(time, version));
  }
  return Object.fromEntries(result);
}

function stamp(values: JsonObject, time: string, version: number): JsonObject {
  return mergeMetadata({}, values, time, version);
}

function stampHere(time: string, version: number): JsonObject {
  return { $lastUpdated: time, $lastUpdatedVersion: version };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
