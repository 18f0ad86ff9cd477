import type { Container } from '@azure/cosmos';
import { FleetError } from '../errors.ts';
import type { GroupRecord, GroupStore, RootCa } from '../groups/group.ts';
import type { Versioned } from '../storage.ts';
import {
  callingCosmos,
  createDocument,
  readDocument,
  replaceDocument,
  type SystemProperties,
  withoutSystemProperties,
} from './cosmos.ts';

/** Id of the root CA's document. Group ids do not begin with an underscore. */
const rootId = '_root';

/** Enrollment groups and the root CA in container `groups`, partition key `/id`. */
export function createCosmosGroupStore(container: Container): GroupStore {
  async function readRoot(): Promise<Versioned<RootCa> | undefined> {
    const document = await readDocument<RootCa & { id: string }>(container, { id: rootId, partition: rootId });
    if (document === undefined) return undefined;
    const { id: _, ...value } = document.value;
    return { value, etag: document.etag };
  }

  return {
    readRoot,

    async all() {
      const query = 'SELECT * FROM c WHERE IS_DEFINED(c.definition)';
      const { resources } = await callingCosmos(() =>
        container.items.query<GroupRecord & SystemProperties>(query).fetchAll(),
      );
      return resources.map((document) => ({
        value: withoutSystemProperties<GroupRecord>(document),
        etag: document._etag,
      }));
    },

    read: (id) => readDocument<GroupRecord>(container, { id, partition: id }),

    create: (group) => createDocument(container, group),

    replace: (group) => replaceDocument(container, group.value.id, group),

    async keepRoot(root) {
      const etag = await createDocument(container, { id: rootId, ...root });
      if (etag !== undefined) return { value: root, etag };
      const kept = await readRoot();
      if (kept === undefined)
        throw new FleetError('concurrent-change', 'The root CA was stored and deleted meanwhile.');
      return kept;
    },

    replaceRoot: ({ value, etag }) => replaceDocument(container, rootId, { value: { id: rootId, ...value }, etag }),
  };
}
