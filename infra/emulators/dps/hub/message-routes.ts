import type { TLSSocket } from 'node:tls';
import { isExpired, isSignedBy, parseSharedAccessSignature } from '../authorization.ts';
import { hostNameOf } from '../http/conventions.ts';
import type { Call, Route } from '../http/server.ts';
import type { Settings } from '../options.ts';
import { createHubView, type DeviceRegistry } from './device-registry.ts';
import type { HubAuthentication } from './hub-device.ts';
import { hubError } from './hub-error.ts';

/** https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling#other-limits */
const maxMessageBytes = 256 * 1024;

/**
 * The endpoints of devices that send and receive messages: https://learn.microsoft.com/rest/api/iothub/device. They check the device as
 * the hub does, so that a test can see whether a device may still use its hub. Messages are dropped.
 */
export function messageRoutes({
  registry,
  settings: { hubs, now },
}: {
  registry: DeviceRegistry;
  settings: Pick<Settings, 'hubs' | 'now'>;
}): Route[] {
  const hubNames = hubs.map((hub) => hub.hostName);

  /** @throws ServiceError 401 for an unknown, disabled or wrong device. A device cannot tell them apart */
  function checkDevice(call: Call, deviceId: string): void {
    const host = hostNameOf(call);
    const named = hubNames.filter((hub) => hub.toLowerCase() === host);
    const found = createHubView(registry, named.length > 0 ? named : hubNames).find(deviceId);
    const authenticated =
      found !== undefined &&
      (isKnownCertificate(found.device.authentication, call.socket) ||
        isKnownSignature(found.device.authentication, call, [
          `${host}/devices/${deviceId}`,
          `${found.hub}/devices/${deviceId}`,
        ]));
    if (!authenticated || found.device.status === 'disabled') {
      throw hubError('IotHubUnauthorizedAccess', 'Unauthorized');
    }
  }

  function isKnownSignature({ type, symmetricKey }: HubAuthentication, call: Call, resources: string[]): boolean {
    const token = parseSharedAccessSignature(call.header('authorization') ?? '');
    if (type !== 'sas' || !token || isExpired(token, now())) return false;
    const { primaryKey, secondaryKey } = symmetricKey;
    return (
      resources.some((resource) => resource.toLowerCase() === token.resource) &&
      isSignedBy(token, [primaryKey ?? undefined, secondaryKey ?? undefined])
    );
  }

  return [
    {
      method: 'POST',
      path: '/devices/{id}/messages/events',
      takes: 'bytes',
      handle(call) {
        checkDevice(call, call.parameters['id'] ?? '');
        if (call.body instanceof Buffer && call.body.length > maxMessageBytes) {
          throw hubError('MessageTooLarge', `A message has at most ${maxMessageBytes} bytes.`);
        }
        return { status: 204 };
      },
    },
    {
      method: 'GET',
      path: '/devices/{id}/messages/deviceBound',
      handle(call) {
        checkDevice(call, call.parameters['id'] ?? '');
        // No message waits for the device.
        return { status: 204 };
      },
    },
  ];
}

function isKnownCertificate({ type, x509Thumbprint }: HubAuthentication, socket: TLSSocket): boolean {
  const { fingerprint, fingerprint256 } = socket.getPeerCertificate();
  if (type !== 'selfSigned' || fingerprint256 === undefined) return false;
  const presented = [fingerprint, fingerprint256].map((text) => text.replaceAll(':', '').toUpperCase());
  return [x509Thumbprint.primaryThumbprint, x509Thumbprint.secondaryThumbprint].some(
    (known) => known !== null && presented.includes(known.toUpperCase()),
  );
}
