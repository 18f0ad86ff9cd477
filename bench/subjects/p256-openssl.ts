import type { Work } from '../harness/subject.ts';
import { createOpensslIssuer } from './openssl-issuer.ts';

/** One openssl process per device, which writes to its standard output. */
export async function prepare(): Promise<Work> {
  const issuer = await createOpensslIssuer();
  let number = 0;
  return async (times) => {
    for (let time = 0; time < times; time++) {
      number += 1;
      const pem = await issuer.inOneProcess(`gw-${number}`);
      if (!pem.includes('PRIVATE KEY') || !pem.includes('CERTIFICATE')) throw new Error('openssl issued nothing');
    }
  };
}
