import type { Container } from '@azure/cosmos';
import { FleetError } from '../errors.ts';
import type { GroupRecord, GroupStore, RootCa } from '../groups/group.ts';
import type { Versioned } from '../storage.ts';
import { type SystemProperties, withoutSystemProperties } from './cosmos.ts';
import { calling, statusOf } from './service-errors.ts';

type GroupDocument = GroupRecord & SystemProperties;
type RootDocument = RootCa & { readonly id: string } & SystemProperties;

/** The root CA's document; no group id begins with an underscore. */
const rootId = '_root';

/** Enrollment groups in container `groups`, partition key `/id`. */
export function createCosmosGroupStore(container: Container): GroupStore {
  const readRoot = async () => {
    const { resource } = await calling('Cosmos DB', () => container.item(rootId, rootId).read<RootDocument>());
    return resource && storedRoot(resource);
  };

  return {
    readRoot,

    async all() {
      const query = 'SELECT * FROM c WHERE IS_DEFINED(c.definition)';
      const { resources } = await calling('Cosmos DB', () => container.items.query<GroupDocument>(query).fetchAll());
      return resources.map((document) => ({ value: withoutSystemProperties(document), etag: document._etag }));
    },

    async read(id) {
      const { resource } = await calling('Cosmos DB', () => container.item(id, id).read<GroupDocument>());
      return resource && { value: withoutSystemProperties<GroupRecord>(resource), etag: resource._etag };
    },

    async create(group) {
      try {
        const { resource } = await calling('Cosmos DB', () => container.items.create({ ...group }));
        return resource?._etag;
      } catch (error) {
        if (statusOf(error) === 409) return undefined;
        throw error;
      }
    },

    async replace({ value, etag }) {
      try {
        const accessCondition = { type: 'IfMatch', condition: etag };
        const item = container.item(value.id, value.id);
        const { resource } = await calling('Cosmos DB', () => item.replace({ ...value }, { accessCondition }));
        return resource?._etag;
      } catch (error) {
        if (statusOf(error) === 412) return undefined;
        throw error;
      }
    },

    async keepRoot(root) {
      try {
        const { resource } = await calling('Cosmos DB', () => container.items.create({ id: rootId, ...root }));
        return { value: root, etag: resource?._etag ?? '' };
      } catch (error) {
        if (statusOf(error) !== 409) throw error;
        const kept = await readRoot();
        if (kept === undefined) throw new FleetError('concurrent-change', 'The root is written and deleted meanwhile.');
        return kept;
      }
    },

    async replaceRoot({ value, etag }) {
      try {
        const accessCondition = { type: 'IfMatch', condition: etag };
        const item = container.item(rootId, rootId);
        const { resource } = await calling('Cosmos DB', () =>
          item.replace({ id: rootId, ...value }, { accessCondition }),
        );
        return resource?._etag;
      } catch (error) {
        if (statusOf(error) === 412) return undefined;
        throw error;
      }
    },
  };
}

function storedRoot(document: RootDocument): Versioned<RootCa> {
  const { id: _, ...value } = withoutSystemProperties<RootCa & { id: string }>(document);
  return { value, etag: document._etag };
}
