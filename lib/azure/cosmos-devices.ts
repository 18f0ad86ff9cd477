import {
  BulkOperationType,
  type Container,
  type JSONObject,
  type OperationResponse,
  type SqlQuerySpec,
} from '@azure/cosmos';
import type { CertificateName } from '../devices/certificate.ts';
import type {
  BatchWrite,
  DeviceCount,
  DeviceFilter,
  DeviceRecord,
  DeviceStore,
  EndingDevices,
  RenewalCount,
  RenewalPeriod,
} from '../devices/device.ts';
import { statusesWithoutCa } from '../devices/under-delegated-ca.ts';
import { FleetError } from '../errors.ts';
import type { Versioned } from '../storage.ts';
import {
  bulk,
  bulkOnce,
  type Condition,
  callingCosmos,
  measuredQuery,
  operationsPerRequest,
  pageByKey,
  type SystemProperties,
  whereClause,
  withoutSystemProperties,
} from './cosmos.ts';
import { countUnderCa } from './cosmos-under-ca.ts';
import { gathered } from './gathered.ts';

type DeviceDocument = DeviceRecord & SystemProperties;

/** Device records in container `devices`, partition key `/id`: every record is one point read. */
export function createCosmosDeviceStore(
  container: Container,
  { sleep }: { sleep: (milliseconds: number) => Promise<void> },
): DeviceStore {
  const readOf = (id: string) => ({ operationType: BulkOperationType.Read, id, partitionKey: id });

  const readGathered = gathered<string, OperationResponse | undefined>({
    most: operationsPerRequest,
    async read(ids) {
      const answers = await bulkOnce(container, ids.map(readOf));
      return new Map(ids.map((id, index) => [id, answers[index]]));
    },
  });

  async function idsOf(query: SqlQuerySpec, limit: number): Promise<string[]> {
    const ids: string[] = [];
    const pages = container.items.query<string>(query, { maxItemCount: 1000 });
    while (pages.hasMoreResults() && ids.length < limit) {
      const { resources } = await callingCosmos(() => pages.fetchNext());
      ids.push(...(resources ?? []));
    }
    return ids.slice(0, limit);
  }

  /** Counts devices by group, and by these properties. The query has those parameters of the period that it names. */
  function count<Counted>(properties: string, where: string, period: RenewalPeriod) {
    const by = ['c.enrollmentGroup', ...(properties === '' ? [] : [properties])].join(', ');
    const query = `SELECT ${by}, COUNT(1) AS devices FROM c WHERE ${where} GROUP BY ${by}`;
    const parameters = Object.entries(period)
      .map(([name, value]) => ({ name: `@${name}`, value }))
      .filter(({ name }) => new RegExp(`${name}\\b`).test(query));
    return measuredQuery<Counted>(container, { query, parameters });
  }

  return {
    async create(records) {
      const operations = records.map((record) => ({
        operationType: BulkOperationType.Create,
        resourceBody: record as unknown as JSONObject,
        partitionKey: record.id,
      }));
      return batchWrite(records, await bulk(container, operations, sleep), [409]);
    },

    async read(ids) {
      const [id] = ids;
      // One that failed, or is to be tried again, is read by itself: it does not share the fate of the others of its request.
      const isGathered = id !== undefined && ids.length === 1;
      const gatheredAnswer = isGathered ? await readGathered(id).catch(() => undefined) : undefined;
      const answers = gatheredAnswer === undefined ? await bulk(container, ids.map(readOf), sleep) : [gatheredAnswer];
      const found = new Map<string, Versioned<DeviceRecord>>();
      for (const answer of answers) {
        const etag = etagUnless([404], answer);
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
      return batchWrite(values, await bulk(container, operations, sleep), [404, 412]);
    },

    async remove(records) {
      const operations = records.map(({ value: { id }, etag }) => {
        return { operationType: BulkOperationType.Delete, id, partitionKey: id, ifMatch: etag };
      });
      const answers = await bulk(container, operations, sleep);
      return answers.filter(({ statusCode }) => {
        if (statusCode < 300) return true;
        if (statusCode === 404 || statusCode === 412) return false;
        throw refused(statusCode);
      }).length;
    },

    async list({ certificate, ...filter }, page) {
      const listWhere = (...further: readonly Condition[]) => {
        const where = [...conditionsOf(filter), ...further];
        return pageByKey<DeviceRecord>(container, { where, orderBy: 'c.id ASC' }, page);
      };
      if (certificate === undefined) return listWhere();
      // A certificate belongs to one device, which has it or had it. Two queries, since each then uses one index.
      const { kind, hex } = certificate;
      const current = await listWhere([currentCertificate[kind], [hex, hex.toUpperCase()]]);
      if (current.items.length > 0) return current;
      return listWhere(['ARRAY_CONTAINS(c.formerCertificateNames, ?)', hex]);
    },

    async waitingIds(enrollmentGroup, limit) {
      return idsOf(
        {
          query:
            "SELECT VALUE c.id FROM c WHERE c.enrollmentGroup = @group AND (c.status = 'provisioned' OR c.unconfirmedSince > '')",
          parameters: [{ name: '@group', value: enrollmentGroup }],
        },
        limit,
      );
    },

    dueLooks: (before, limit) =>
      idsOf(
        {
          query: 'SELECT VALUE c.id FROM c WHERE c.block.lookAgainAt < @before',
          parameters: [{ name: '@before', value: before }],
        },
        limit,
      ),

    async countEnding({ enrollmentGroups, from, before, byHand = false }) {
      const spec = {
        query:
          'SELECT c.enrollmentGroup, COUNT(1) AS devices, MIN(c.identity.notAfter) AS earliest FROM c' +
          ' WHERE c.identity.notAfter >= @from AND c.identity.notAfter < @before' +
          (byHand ? ` AND ${isByHand}` : " AND c.status != 'deleted'") +
          ' AND ARRAY_CONTAINS(@groups, c.enrollmentGroup) GROUP BY c.enrollmentGroup',
        parameters: [
          { name: '@from', value: from },
          { name: '@before', value: before },
          { name: '@groups', value: [...enrollmentGroups] },
        ],
      };
      const { resources } = await callingCosmos(() => container.items.query<EndingDevices>(spec).fetchAll());
      return resources;
    },

    countUnderCa: (ca) => countUnderCa(container, ca),
    async countRenewals(period) {
      const parts = await Promise.all([
        count<DueCount>(
          'c.status, c.renewal.dueDay',
          `c.renewal.dueDay >= @from AND c.renewal.dueDay < @before AND ${isInUse}`,
          period,
        ),
        count<DoneCount>(
          'c.renewal.confirmedDay',
          `c.renewal.confirmedDay >= @from AND c.renewal.confirmedDay < @before AND ${isInUse}`,
          period,
        ),
        count<GroupCount>('', "c.renewal.lateAt <= @at AND c.status = 'assigned'", period),
        count<GroupCount>('', `c.unconfirmedSince < @unconfirmedBefore AND ${isInUse}`, period),
      ]);
      const [due, done, late, unconfirmed] = parts;
      const value: RenewalCount[] = [
        ...due.value.map(({ status, dueDay: day, ...each }) => {
          return { ...each, what: status === 'assigned' ? ('due' as const) : ('waiting' as const), day };
        }),
        ...done.value.map(({ confirmedDay: day, ...each }) => ({ ...each, what: 'done' as const, day })),
        ...late.value.map((each) => ({ ...each, what: 'late' as const })),
        ...unconfirmed.value.map((each) => ({ ...each, what: 'unconfirmed' as const })),
      ];
      return { value, requestUnits: parts.reduce((sum, { requestUnits }) => sum + requestUnits, 0) };
    },

    countByStatus(period) {
      const { text, parameters } = whereClause([
        ['c.identity.notAfter >= ?', period?.from],
        ['c.identity.notAfter < ?', period?.before],
      ]);
      const query =
        `SELECT c.enrollmentGroup, c.status, COUNT(1) AS devices FROM c${text}` +
        ' GROUP BY c.enrollmentGroup, c.status';
      return measuredQuery<DeviceCount>(container, { query, parameters });
    },
  };
}

type GroupCount = Pick<RenewalCount, 'enrollmentGroup' | 'devices'>;
type DueCount = GroupCount & { readonly status: DeviceRecord['status']; readonly dueDay: string };
type DoneCount = GroupCount & { readonly confirmedDay: string };

const isInUse = "c.status IN ('assigned', 'provisioned')";
/** As `identityOf` in lib/devices/under-delegated-ca.ts. */
const isOfDelegatedCa =
  `c.status NOT IN (${statusesWithoutCa.map((status) => `'${status}'`).join(', ')})` +
  " AND EXISTS (SELECT VALUE x FROM x IN c.certificates WHERE x.delegatedCa = ? AND x.kind = 'identity'" +
  ' AND ((NOT IS_DEFINED(c.before) AND x.serialNumber = c.serialNumber) OR x.serialNumber = c.before.serialNumber))';
const isByHand = `${isInUse} AND NOT IS_DEFINED(c.renewal)`;

function conditionsOf(filter: Omit<DeviceFilter, 'certificate'>): Condition[] {
  const { jobId, enrollmentGroup, issuingGroup, status, expiresBefore, byHand, idPrefix, delegatedCa } = filter;
  return [
    ['c.claim.jobId = ?', jobId],
    ['c.enrollmentGroup = ?', enrollmentGroup],
    ['(c.enrollmentGroup = ? OR ARRAY_CONTAINS(c.formerGroups, ?))', issuingGroup],
    ['c.status = ?', status],
    // Text of this form sorts by time. A comparison with a missing property is undefined and selects nothing.
    ['c.identity.notAfter < ?', expiresBefore],
    [isByHand, byHand === true ? [] : undefined],
    ['STARTSWITH(c.id, ?)', idPrefix],
    [isOfDelegatedCa, delegatedCa],
  ];
}

/** Records have hex in lower and in upper case. */
const currentCertificate = {
  serialNumber: 'c.serialNumber IN (?)',
  sha1Thumbprint: 'c.identity.sha1Thumbprint IN (?)',
  sha256Thumbprint: 'c.identity.sha256Thumbprint IN (?)',
} as const satisfies Record<CertificateName['kind'], string>;

/** @param conflict the statuses of an operation when another writer was first */
function batchWrite(
  records: readonly DeviceRecord[],
  answers: readonly OperationResponse[],
  conflict: readonly number[],
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

/**
 * @param statuses failures that are answers: the record exists, is missing or has changed
 * @returns the etag of an operation that succeeded, or undefined for one of `statuses`
 */
function etagUnless(
  statuses: readonly number[],
  { statusCode, eTag, resourceBody }: OperationResponse,
): string | undefined {
  if (statuses.includes(statusCode)) return undefined;
  const etag = eTag ?? (resourceBody as { _etag?: string } | undefined)?._etag;
  if (statusCode < 300 && etag !== undefined) return etag;
  throw refused(statusCode);
}

function refused(statusCode: number): FleetError {
  return new FleetError('unavailable', `Cosmos DB answered an operation on a device record with status ${statusCode}.`);
}
