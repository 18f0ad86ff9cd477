import type { DeviceIdentity } from '../../lib/pki/device-issuer.ts';
import { createDeviceIssuer } from '../../lib/pki/device-issuer.ts';
import { newSerialNumber } from '../../lib/pki/serial.ts';
import { someAuthority } from './some-authority.ts';

/** Issues one identity after another as the pipeline does, each for a new device. */
export async function createIdentities(): Promise<() => DeviceIdentity | Promise<DeviceIdentity>> {
  const issuer = await createDeviceIssuer({
    issuer: await someAuthority(),
    ...{ keyType: 'ec-p256', validityDays: 365, now: new Date() },
  });
  let number = 0;
  const next = () => {
    const deviceId = `gw-${String(number++).padStart(9, '0')}`;
    return issuer.issue({ deviceId, serialNumber: newSerialNumber() });
  };
  // The first of its kind makes the template; those after it are issued at once.
  await next();
  return next;
}
