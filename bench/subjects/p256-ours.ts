import { createDeviceIssuer } from '../../lib/pki/device-issuer.ts';
import { newSerialNumber } from '../../lib/pki/serial.ts';
import type { Work } from '../harness/subject.ts';
import { someAuthority } from './some-authority.ts';

/** Identities as the pipeline has them issued: serial number, key, certificate, PEM, PKCS#8, thumbprints, all rules. */
export async function prepare(): Promise<Work> {
  const issuer = await createDeviceIssuer({
    issuer: await someAuthority(),
    ...{ keyType: 'ec-p256', validityDays: 365, now: new Date() },
  });
  // The first with a name of a length is what the next are made of, and comes later; those come at once.
  await issuer.issue({ deviceId: 'gw-000000000', serialNumber: newSerialNumber() });
  // The first of its kind makes the template; those after it are issued at once.
  await issuer.issue({ deviceId: 'gw-000000000', serialNumber: newSerialNumber() });
  let number = 0;
  return (times) => {
    for (let time = 0; time < times; time++) {
      number += 1;
      void issuer.issue({ deviceId: `gw-${String(number).padStart(9, '0')}`, serialNumber: newSerialNumber() });
    }
  };
}
