import { createDeviceIssuer } from '../../lib/pki/device-issuer.ts';
import { newSerialNumber } from '../../lib/pki/serial.ts';
import type { Work } from '../harness/subject.ts';
import { someAuthority } from './some-authority.ts';
import { someRequests } from './some-requests.ts';

/** Identities for requests in PEM, as the pipeline issues them: request verified, certificate, PEM, thumbprints, all rules. */
export async function prepare(): Promise<Work> {
  const issuer = createDeviceIssuer({
    issuer: await someAuthority(),
    keyType: 'ec-p256',
    validityDays: 365,
    now: new Date(),
  });
  const requests = await someRequests();
  // The first one also makes the template for names of this length.
  const [first] = requests;
  if (first !== undefined) await issuer.issue({ ...first, serialNumber: newSerialNumber() });
  let next = 0;
  return async (times) => {
    for (let time = 0; time < times; time++) {
      const request = requests[next++ % requests.length];
      if (request !== undefined) await issuer.issue({ ...request, serialNumber: newSerialNumber() });
    }
  };
}
