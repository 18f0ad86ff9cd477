import { readDpsCaLists } from '../../lib/authorities/dps-cas.ts';
import type { KnownCas } from '../../lib/enrollment/group-status.ts';
import type { Services } from '../services.ts';

/** The CAs that DPS trusts, as far as this deployment knows. */
export async function knownCas({
  groupStore,
  dpsCas,
  dps,
}: Pick<Services, 'groupStore' | 'dpsCas' | 'dps'>): Promise<KnownCas> {
  const names = dps.instances.map(({ name }) => name);
  const [root, lists] = await Promise.all([groupStore.readRoot(), readDpsCaLists(dpsCas, names)]);
  return { root: root?.value, lists };
}
