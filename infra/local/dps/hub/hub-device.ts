import type { JsonObject } from '../entries/entry.ts';
import type { DeviceCredential } from '../registrations/registration.ts';
import { showSection, type TwinSection } from './twin-section.ts';

/** A device of one hub: its identity and its twin. */
export interface HubDevice {
  /** Case counts, unlike in DPS. */
  readonly deviceId: string;
  readonly generationId: string;
  readonly status: 'enabled' | 'disabled';
  readonly statusReason: string | null;
  readonly statusUpdatedTime: string;
  readonly authentication: HubAuthentication;
  readonly iotEdge: boolean;
  /** Counts changes of the identity. */
  readonly identityVersion: number;
  /** Counts changes of the twin. */
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

/** What .NET writes where there is no time. */
export const never = '0001-01-01T00:00:00Z';

/** DPS enters a device's own certificate as self-signed by its thumbprint, whoever issued it. */
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

/** Etags of IoT Hub are the base64 of a counter in eight bytes. */
export function twinEtag(device: HubDevice): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(device.twinVersion));
  return bytes.toString('base64');
}

/** Of the identity: the base64 of a decimal number. */
export function identityEtag(device: HubDevice): string {
  return Buffer.from(`${device.generationId.slice(-6)}${device.identityVersion}`).toString('base64');
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
  };
}
