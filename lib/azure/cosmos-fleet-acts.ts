import type { Container } from '@azure/cosmos';
import type { FleetAct, FleetActStore } from '../jobs/fleet-act.ts';
import { callingCosmos, createDocument, readDocument, replaceDocument } from './cosmos.ts';

/** The document of an act in its partition of container `jobs`. Jobs have others (cosmos-jobs.ts). */
const actDocumentId = 'fleet-act';

type ActDocument = FleetAct & { readonly id: string; readonly jobId: string; readonly type: 'fleet-act' };

/** Acts on many devices, in container `jobs` with the id of the act as `/jobId`. */
export function createCosmosFleetActStore(container: Container): FleetActStore {
  return {
    create: async (act) => (await createDocument(container, toDocument(act))) !== undefined,

    async read(actId) {
      const found = await readDocument<ActDocument>(container, { id: actDocumentId, partition: actId });
      if (found === undefined) return undefined;
      const { id: _id, jobId: _jobId, type: _type, ...act } = found.value;
      return { value: act, etag: found.etag };
    },

    replace: ({ value, etag }) => replaceDocument(container, value.actId, { value: toDocument(value), etag }),

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
  return { ...act, id: actDocumentId, jobId: act.actId, type: 'fleet-act' };
}
