import { createDeviceIssuer } from '../../lib/pki/device-issuer.ts';
import { newSerialNumber } from '../../lib/pki/serial.ts';
import type { Work } from '../harness/subject.ts';
import { someAuthority } from './some-authority.ts';
import { someRequests } from './some-requests.ts';

/** Requests in PEM read, verified and signed as the pipeline does it, PEM and thumbprints made, all rules checked. */
export async function prepare(): Promise<Work> {
  const issuer = await createDeviceIssuer({
    issuer: await someAuthority(),
    ...{ keyType: 'ec-p256', validityDays: 365, now: new Date() },
  });
  const requests = await someRequests();
  // The first of its kind makes the template; those after it are issued at once.
  const [first] = requests;
  if (first !== undefined) await issuer.issue({ ...first, serialNumber: newSerialNumber() });
  let next = 0;
  return (times) => {
    for (let time = 0; time < times; time++) {
      const request = requests[next++ % requests.length];
      if (request !== undefined) void issuer.issue({ ...request, serialNumber: newSerialNumber() });
    }
  };
}
