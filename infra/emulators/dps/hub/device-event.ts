import { timestamp } from '../record-metadata.ts';
import { never } from './hub-device.ts';

export const eventSchemas = ['eventGrid', 'cloudEvents'] as const;
export type EventSchema = (typeof eventSchemas)[number];

/** Something that happened to a device of a hub. */
export interface DeviceEvent {
  /** Unique, so that a receiver can tell a repetition. */
  readonly id: string;
  readonly type: 'Microsoft.Devices.DeviceCreated' | 'Microsoft.Devices.DeviceDeleted';
  readonly hub: string;
  readonly deviceId: string;
  /** ISO 8601. */
  readonly time: string;
}

/** Writes an event as IoT Hub does: https://learn.microsoft.com/azure/event-grid/event-schema-iot-hub */
export function showEvent({ id, type, hub, deviceId, time }: DeviceEvent, schema: EventSchema) {
  const [hubName = hub] = hub.split('.');
  const source =
    `/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/Microsoft.Devices/IotHubs/${hubName}`.toUpperCase();
  const subject = `devices/${deviceId}`;
  const data = { hubName, deviceId, twin: defaultTwin(deviceId, time) };
  if (schema === 'cloudEvents') return { specversion: '1.0', id, source, subject, type, time, data };
  return { id, topic: source, subject, eventType: type, eventTime: time, data, dataVersion: '1', metadataVersion: '1' };
}

/**
 * "Don't rely on the twin data in this event": it has defaults, not the values of the device
 * (https://learn.microsoft.com/azure/iot-hub/iot-hub-event-grid#event-types).
 */
function defaultTwin(deviceId: string, time: string) {
  const section = { $metadata: { $lastUpdated: time }, $version: 1 };
  return {
    deviceId,
    etag: 'AAAAAAAAAAE=',
    deviceEtag: 'null',
    status: 'enabled',
    statusUpdateTime: never,
    connectionState: 'Disconnected',
    lastActivityTime: never,
    cloudToDeviceMessageCount: 0,
    authenticationType: 'sas',
    x509Thumbprint: { primaryThumbprint: null, secondaryThumbprint: null },
    version: 2,
    properties: { desired: section, reported: section },
  };
}

/** @param id a new UUID */
export function newEvent(
  type: DeviceEvent['type'],
  { id, hub, deviceId, time }: { id: string; hub: string; deviceId: string; time: Date },
): DeviceEvent {
  return { id, type, hub, deviceId, time: timestamp(time) };
}
