import type { Container } from '@azure/cosmos';
import type { DpsCaList, DpsCaStore } from '../authorities/dps-cas.ts';
import { FleetError } from '../errors.ts';
import { defaultDps, nameForDps } from '../groups/dps-instance.ts';
import { createDocument, maxWriteAttempts, readDocument, replaceDocument } from './cosmos.ts';

/** Group ids do not begin with an underscore. */
const idOf = (dps: string) => nameForDps('_dps-cas', dps);

/** The lists of CA certificates of DPS: one document per instance in container `groups`, partition key `/id`. */
export function createCosmosDpsCaStore(container: Container): DpsCaStore {
  const readVersion = (id: string) => readDocument<DpsCaList & { id: string }>(container, { id, partition: id });

  return {
    async read(dps = defaultDps) {
      const document = await readVersion(idOf(dps));
      if (document === undefined) return undefined;
      const { id: _, ...list } = document.value;
      return list;
    },

    async keep(list, dps = defaultDps) {
      const id = idOf(dps);
      const value = { id, ...list };
      for (let attempt = 1; attempt <= maxWriteAttempts; attempt++) {
        const stored = await readVersion(id);
        if (stored !== undefined && stored.value.seenAt >= list.seenAt) return;
        const etag =
          stored === undefined
            ? await createDocument(container, value)
            : await replaceDocument(container, id, { value, etag: stored.etag });
        if (etag !== undefined) return;
      }
      throw new FleetError('concurrent-change', 'The list of CAs in DPS changes faster than it can be written.');
    },
  };
}
