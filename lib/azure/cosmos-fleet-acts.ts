import type { Container } from '@azure/cosmos';
import type { FleetAct, FleetActStore, ListedAct } from '../jobs/fleet-act.ts';
import { callingCosmos, createDocument, pageByKey, readDocument, replaceDocument } from './cosmos.ts';

/** The document of an act in its partition of container `jobs`. Jobs have others (cosmos-jobs.ts). */
const actDocumentId = 'fleet-act';

interface ActDocument extends FleetAct {
  readonly id: string;
  readonly jobId: string;
  readonly type: 'fleet-act';
  /** Orders the list, as that of jobs. */
  readonly listKey: string;
}

type ListedDocument = ListedAct & Pick<ActDocument, 'listKey'>;

/** Every member: one that is missing here does not compile. */
const listed: Readonly<Record<keyof ListedDocument, true>> = {
  ...{ actId: true, kind: true, by: true, reason: true, devicesPerMinute: true, status: true, estimate: true },
  ...{ counts: true, refusals: true, after: true, nextAt: true, startedAt: true, finishedAt: true },
  ...{ cancelledBy: true, listKey: true },
};
const listedFields = Object.keys(listed) as (keyof ListedDocument)[];

/** Acts on many devices, in container `jobs` with the id of the act as `/jobId`. */
export function createCosmosFleetActStore(container: Container): FleetActStore {
  return {
    create: async (act) => (await createDocument(container, toDocument(act))) !== undefined,

    async read(actId) {
      const found = await readDocument<ActDocument>(container, { id: actDocumentId, partition: actId });
      return found && { value: toAct(found.value), etag: found.etag };
    },

    replace: ({ value, etag }) => replaceDocument(container, value.actId, { value: toDocument(value), etag }),

    async list(page) {
      const where = [['c.type = ?', 'fleet-act']] as const;
      const query = { where, orderBy: 'c.listKey DESC', fields: listedFields } as const;
      const found = await pageByKey<ListedDocument>(container, query, page);
      return { ...found, items: found.items.map(({ listKey: _listKey, ...act }) => act) };
    },

    async overdue(before) {
      // `type` has an index. The acts of a deployment are few.
      const query =
        "SELECT TOP 100 VALUE c.jobId FROM c WHERE c.type = 'fleet-act' AND c.status = 'running' AND c.nextAt < @before";
      const spec = { query, parameters: [{ name: '@before', value: before }] };
      const { resources } = await callingCosmos(() => container.items.query<string>(spec).fetchAll());
      return resources;
    },
  };
}

function toDocument(act: FleetAct): ActDocument {
  const listKey = `${act.startedAt}~${act.actId}`;
  return { ...act, id: actDocumentId, jobId: act.actId, type: 'fleet-act', listKey };
}

function toAct({ id: _id, jobId: _jobId, type: _type, listKey: _listKey, ...act }: ActDocument): FleetAct {
  return act;
}
