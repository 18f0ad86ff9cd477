import type { KnownCas } from '../../lib/enrollment/group-status.ts';
import type { Services } from '../services.ts';

/** What is known of the CAs that DPS trusts. */
export async function knownCas({ groupStore, dpsCas }: Pick<Services, 'groupStore' | 'dpsCas'>): Promise<KnownCas> {
  const [root, list] = await Promise.all([groupStore.readRoot(), dpsCas.read()]);
  return { root: root?.value, list };
}
