import { createDeviceIssuer, type DeviceIdentity } from '../../lib/pki/device-issuer.ts';
import { newSerialNumber } from '../../lib/pki/serial.ts';
import { someAuthority } from './some-authority.ts';

const validityDays = 365;
/** As large groups have it. */
const jitterDays = validityDays / 10;

/** @returns a function that issues one identity as the pipeline does, for a new device at each call */
export async function createIdentities(): Promise<() => Promise<DeviceIdentity>> {
  const issuer = createDeviceIssuer({
    issuer: await someAuthority(),
    keyType: 'ec-p256',
    validityDays,
    now: new Date(),
  });
  let number = 0;
  const next = () => {
    const deviceId = `gw-${String(number++).padStart(9, '0')}`;
    return issuer.issue({ deviceId, serialNumber: newSerialNumber(), jitterDays });
  };
  // The first one also makes the template for names of this length.
  await next();
  return next;
}
