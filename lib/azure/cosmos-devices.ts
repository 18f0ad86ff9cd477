import {
  BulkOperationType,
  type Container,
  type JSONObject,
  type OperationResponse,
  type SqlParameter,
} from '@azure/cosmos';
import type { BatchWrite, DeviceFilter, DeviceRecord, DeviceStore } from '../devices/device.ts';
import { FleetError } from '../errors.ts';
import type { Page, Versioned } from '../storage.ts';
import { bulk, type SystemProperties, withoutSystemProperties } from './cosmos.ts';
import { calling } from './service-errors.ts';

type DeviceDocument = DeviceRecord & SystemProperties;

/** Device records in container `devices`, partition key `/id`: every record is a point read away. */
export function createCosmosDeviceStore(
  container: Container,
  { sleep }: { sleep: (milliseconds: number) => Promise<void> },
): DeviceStore {
  return {
    async create(records) {
      const operations = records.map((record) => ({
        operationType: BulkOperationType.Create,
        resourceBody: record as unknown as JSONObject,
        partitionKey: record.id,
      }));
      return batchWrite(records, await bulk(container, operations, sleep), 409);
    },

    async read(ids) {
      const operations = ids.map((id) => ({ operationType: BulkOperationType.Read, id, partitionKey: id }));
      const found = new Map<string, Versioned<DeviceRecord>>();
      for (const answer of await bulk(container, operations, sleep)) {
        const etag = etagUnless(404, answer);
        if (etag === undefined) continue;
        const value = withoutSystemProperties(answer.resourceBody as unknown as DeviceDocument);
        found.set(value.id, { value, etag });
      }
      return found;
    },

    async replace(records) {
      const operations = records.map(({ value, etag }) => ({
        operationType: BulkOperationType.Replace,
        id: value.id,
        resourceBody: value as unknown as JSONObject,
        partitionKey: value.id,
        ifMatch: etag,
      }));
      const values = records.map(({ value }) => value);
      return batchWrite(values, await bulk(container, operations, sleep), 412);
    },

    list: (filter, page) => list(container, filter, page),

    async waitingIds(enrollmentGroup, limit) {
      const query = {
        query: "SELECT VALUE c.id FROM c WHERE c.enrollmentGroup = @group AND c.status = 'provisioned'",
        parameters: [{ name: '@group', value: enrollmentGroup }],
      };
      const ids: string[] = [];
      const pages = container.items.query<string>(query, { maxItemCount: 1000 });
      while (pages.hasMoreResults() && ids.length < limit) {
        const { resources } = await calling('Cosmos DB', () => pages.fetchNext());
        ids.push(...(resources ?? []));
      }
      return ids.slice(0, limit);
    },
  };
}

/** @param conflict the status that an operation has when another writer was first */
function batchWrite(
  records: readonly DeviceRecord[],
  answers: readonly OperationResponse[],
  conflict: number,
): BatchWrite {
  const written = new Map<string, Versioned<DeviceRecord>>();
  const conflicts: DeviceRecord[] = [];
  for (const [index, value] of records.entries()) {
    const answer = answers[index];
    const etag = answer && etagUnless(conflict, answer);
    if (etag === undefined) conflicts.push(value);
    else written.set(value.id, { value, etag });
  }
  return { written, conflicts };
}

/** The etag of an operation that succeeded, undefined for the one status that is an answer too. */
function etagUnless(status: number, { statusCode, eTag, resourceBody }: OperationResponse): string | undefined {
  if (statusCode === status) return undefined;
  const etag = eTag ?? (resourceBody as { _etag?: string } | undefined)?._etag;
  if (statusCode < 300 && etag !== undefined) return etag;
  throw new FleetError('unavailable', `Cosmos DB answered an operation with status ${statusCode}.`);
}

/**
 * Pages by id rather than by the SDK's continuation token: the token of a query over many partitions is large and the
 * SDK's own; an id is neither, and stays valid for ever.
 */
async function list(
  container: Container,
  { jobId, enrollmentGroup, status }: DeviceFilter,
  { size, continuation }: { size: number; continuation?: string },
): Promise<Page<DeviceRecord>> {
  const conditions: string[] = [];
  const parameters: SqlParameter[] = [];
  const where = (condition: string, name: string, value: string | undefined) => {
    if (value === undefined) return;
    conditions.push(`${condition} ${name}`);
    parameters.push({ name, value });
  };
  where('c.claim.jobId =', '@job', jobId);
  where('c.enrollmentGroup =', '@group', enrollmentGroup);
  where('c.status =', '@status', status);
  where('c.id >', '@after', continuation);
  const filter = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  const spec = { query: `SELECT * FROM c${filter} ORDER BY c.id`, parameters };
  const query = container.items.query<DeviceDocument>(spec, { maxItemCount: size + 1 });
  const documents: DeviceDocument[] = [];
  while (query.hasMoreResults() && documents.length <= size) {
    const { resources } = await calling('Cosmos DB', () => query.fetchNext());
    documents.push(...(resources ?? []));
  }
  const items = documents.slice(0, size).map((document) => withoutSystemProperties(document));
  const last = items.at(-1);
  return documents.length > size && last !== undefined ? { items, continuation: last.id } : { items };
}
