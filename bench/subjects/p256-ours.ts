import type { Work } from '../harness/subject.ts';
import { createIdentities } from './some-identities.ts';

/** Identities as the pipeline issues them: serial number, key, certificate, PEM, PKCS#8, thumbprints, all rules. */
export async function prepare(): Promise<Work> {
  const issueNext = await createIdentities();
  return async (times) => {
    for (let time = 0; time < times; time++) await issueNext();
  };
}
