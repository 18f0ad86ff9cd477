import type { KnownCas } from '../../lib/enrollment/group-status.ts';
import type { Services } from '../services.ts';

/** The CAs that DPS trusts, as far as this deployment knows. */
export async function knownCas({ groupStore, dpsCas }: Pick<Services, 'groupStore' | 'dpsCas'>): Promise<KnownCas> {
  const [root, list] = await Promise.all([groupStore.readRoot(), dpsCas.read()]);
  return { root: root?.value, list };
}
