import {
  BulkOperationType,
  type Container,
  type ContainerRequest,
  type OperationInput,
  type OperationResponse,
  type SqlParameter,
  type SqlQuerySpec,
} from '@azure/cosmos';
import pMap from 'p-map';
import { FleetError } from '../errors.ts';
import { cosmosContainers } from '../resource-names.ts';
import type { Measured, Page, PageRequest, Versioned } from '../storage.ts';
import { calling, unlessStatus } from './service-errors.ts';

/** Runs a call to Cosmos DB. @throws FleetError `throttled`, `unavailable` */
export const callingCosmos = <T>(work: () => Promise<T>): Promise<T> => calling('Cosmos DB', work);

/**
 * Milliseconds for one request, with all tries of the SDK: a throttled one waits for 60 s in all (functions/services.ts), and a
 * try takes 60 s at most. The limit of the SDK ends where an answer has begun, and a request that hangs there would never end.
 */
const requestTimeoutMs = 130_000;

/** Runs one request, which has an end. @throws FleetError `throttled`, `unavailable` */
const requesting = <T>(work: () => Promise<T>): Promise<T> => callingCosmos(() => inTime(work()));

async function inTime<T>(call: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = () => reject(new FleetError('unavailable', 'Cosmos DB did not answer in time.'));
  const timer = setTimeout(late, requestTimeoutMs).unref();
  try {
    return await Promise.race([call, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Properties that Cosmos DB adds to a document (`_etag`, `_ts`, ...). They are neither shown nor written back. */
export interface SystemProperties {
  readonly _etag: string;
}

/** @returns a copy of the document without the properties that Cosmos DB added */
export function withoutSystemProperties<T extends object>(document: T & Partial<SystemProperties>): T {
  const plain: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(document)) {
    if (!key.startsWith('_')) plain[key] = value;
  }
  return plain as T;
}

/**
 * Attempts of a read followed by a conditional write. Each attempt reads again; when so many are overtaken by other
 * writers, something is wrong.
 */
export const maxWriteAttempts = 20;

/** Reads a document by id, without system properties. @returns undefined when there is none */
export async function readDocument<T extends object>(
  container: Container,
  { id, partition }: DocumentKey,
): Promise<Versioned<T> | undefined> {
  const { resource } = await requesting(() => container.item(id, partition).read<T & SystemProperties>());
  return resource && { value: withoutSystemProperties<T>(resource), etag: resource._etag };
}

/** Creates a document. @returns its etag, or undefined when its id is taken */
export async function createDocument(
  container: Container,
  document: { readonly id: string },
): Promise<string | undefined> {
  const created = await unlessStatus([409], () => requesting(() => container.items.create({ ...document })));
  return created && etagOf(created.etag);
}

/** Replaces the version of a document that was read. @returns the new etag, or undefined when it changed or was deleted */
export async function replaceDocument(
  container: Container,
  partition: string,
  { value, etag }: Versioned<{ readonly id: string }>,
): Promise<string | undefined> {
  const item = container.item(value.id, partition);
  const replaced = await unlessStatus([404, 412], () =>
    requesting(() => item.replace({ ...value }, { accessCondition: ifMatch(etag) })),
  );
  return replaced && etagOf(replaced.etag);
}

/** The condition of a write that must not overwrite another one. */
export function ifMatch(etag: string): { type: 'IfMatch'; condition: string } {
  return { type: 'IfMatch', condition: etag };
}

function etagOf(etag: string | undefined): string {
  if (etag === undefined) throw new FleetError('unavailable', 'Cosmos DB answered a write without an ETag.');
  return etag;
}

/** Where a document is. */
export interface DocumentKey {
  readonly id: string;
  /** Value of the partition key. */
  readonly partition: string;
}

/**
 * A condition of a query, and the value of its question marks. The value is bound and never part of the text. An array fills a
 * list: `IN (?)` becomes `IN (@p0, @p1)`. A condition without a value is left out.
 */
export type Condition = readonly [text: string, value: string | readonly string[] | undefined];

/** A query for the documents that meet every condition, in the order of one property. */
export interface KeyedQuery<T> {
  readonly where: readonly Condition[];
  /** Members of the documents to read, that of `orderBy` among them. Default: all. */
  readonly fields?: readonly (keyof T & string)[];
  /** The values of this property are unique among the documents that match. */
  readonly orderBy: `c.${keyof T & string} ${'ASC' | 'DESC'}`;
}

/** @returns ` WHERE ...`, or nothing if no condition has a value; and the values */
export function whereClause(conditions: readonly Condition[]): { readonly text: string; parameters: SqlParameter[] } {
  const parameters: SqlParameter[] = [];
  const bind = (value: string): string => {
    const name = `@p${parameters.length}`;
    parameters.push({ name, value });
    return name;
  };
  const texts = conditions.flatMap(([text, value]) => {
    if (value === undefined) return [];
    const names = typeof value === 'string' ? [bind(value)] : value.map(bind);
    return [text.replaceAll('?', names.join(', '))];
  });
  return { text: texts.length === 0 ? '' : ` WHERE ${texts.join(' AND ')}`, parameters };
}

/**
 * Reads one page of a query. The continuation is the key of the page's last document and not the SDK's token: the token of
 * a query over many partitions is large and its format belongs to the SDK; a key stays valid forever.
 * @example
 * pageByKey<JobDocument>(container, { where: [['c.type = ?', 'job']], orderBy: 'c.listKey DESC' }, { size: 100 });
 */
export async function pageByKey<T extends object>(
  container: Container,
  { where, orderBy, fields }: KeyedQuery<T>,
  { size, continuation }: PageRequest,
): Promise<Page<T>> {
  const [key = '', direction] = orderBy.split(' ');
  const after: Condition = [`${key} ${direction === 'ASC' ? '>' : '<'} ?`, continuation];
  const { text, parameters } = whereClause([...where, after]);
  const selected = fields === undefined ? '*' : fields.map((name) => `c.${name}`).join(', ');
  const spec = { query: `SELECT ${selected} FROM c${text} ORDER BY ${orderBy}`, parameters };
  // One document more than the page holds shows whether there is a next page.
  const query = container.items.query<T>(spec, { maxItemCount: size + 1 });
  const documents: T[] = [];
  while (query.hasMoreResults() && documents.length <= size) {
    const { resources } = await callingCosmos(() => query.fetchNext());
    documents.push(...(resources ?? []));
  }
  const items = documents.slice(0, size).map((document) => withoutSystemProperties<T>(document));
  const last = items.at(-1);
  if (documents.length <= size || last === undefined) return { items };
  return { items, continuation: String(last[key.slice('c.'.length) as keyof T]) };
}

/** Reads all results of a query, with its cost in request units. */
export async function measuredQuery<T>(container: Container, spec: SqlQuerySpec): Promise<Measured<T[]>> {
  const { resources, requestCharge } = await callingCosmos(() => container.items.query<T>(spec).fetchAll());
  return { value: resources, requestUnits: requestCharge };
}

/**
 * The containers of the database, as the local stack and tests create them. infra/azure/app/cosmos.bicep declares the same.
 * Only properties that a query filters or sorts by are indexed: each indexed path costs request units at every write.
 */
export const containerDefinitions: readonly (ContainerRequest & { readonly id: string })[] = [
  {
    id: cosmosContainers.devices,
    partitionKey: { paths: ['/id'] },
    indexingPolicy: indexing(
      '/status/?',
      '/enrollmentGroup/?',
      '/claim/jobId/?',
      '/identity/notAfter/?',
      '/renewal/dueDay/?',
      '/renewal/lateAt/?',
      '/renewal/confirmedDay/?',
      '/serialNumber/?',
      '/identity/sha1Thumbprint/?',
      '/identity/sha256Thumbprint/?',
      '/formerCertificateNames/[]/?',
      '/block/lookAgainAt/?',
      '/unconfirmedSince/?',
      '/formerGroups/[]/?',
      '/owedSince/?',
    ),
  },
  {
    id: cosmosContainers.jobs,
    partitionKey: { paths: ['/jobId'] },
    indexingPolicy: indexing(
      '/jobId/?',
      '/type/?',
      '/listKey/?',
      '/listStatus/?',
      '/listGroups/?',
      '/listHour/?',
      '/source/?',
      '/owedSince/?',
    ),
  },
  { id: cosmosContainers.groups, partitionKey: { paths: ['/id'] } },
  // -1: documents do not expire unless they have a `ttl`, as reasons of failures have, and letters that are done where it is set.
  {
    id: cosmosContainers.deadLetters,
    partitionKey: { paths: ['/queue'] },
    defaultTtl: -1,
    indexingPolicy: indexing('/queue/?', '/type/?', '/reason/code/?', '/owedSince/?'),
  },
  // Findings that are gone have a `ttl`, where one is set.
  {
    id: cosmosContainers.findings,
    partitionKey: { paths: ['/kind'] },
    defaultTtl: -1,
    indexingPolicy: indexing(
      '/kind/?',
      '/severity/?',
      '/state/?',
      '/subject/id/?',
      '/subject/enrollmentGroup/?',
      '/owedSince/?',
    ),
  },
  // Facts that no other document has, webhooks and their deliveries. Notices and deliveries have a `ttl`.
  {
    id: cosmosContainers.events,
    partitionKey: { paths: ['/stream'] },
    defaultTtl: -1,
    indexingPolicy: indexing('/stream/?', '/type/?', '/state/?', '/listKey/?', '/owedSince/?'),
  },
  // Each has a `ttl`, since the last certificate of a delegated CA ends with it.
  {
    id: cosmosContainers.delegatedCas,
    partitionKey: { paths: ['/id'] },
    defaultTtl: -1,
    indexingPolicy: indexing('/enrollmentGroup/?', '/state/?', '/signsUntil/?', '/listKey/?'),
  },
];

function indexing(...paths: readonly string[]): ContainerRequest['indexingPolicy'] {
  return { includedPaths: paths.map((path) => ({ path })), excludedPaths: [{ path: '/*' }] };
}

/** "Limit 100" operations per request (Items.bulk of @azure/cosmos). */
export const operationsPerRequest = 100;
const requestsInFlight = 4;

/**
 * The longest total wait of one `bulk` call while Cosmos DB throttles. It is well within functionTimeout (host.json). The
 * host keeps the message hidden meanwhile, so the chunk slows down instead of being delivered and throttled again.
 */
const maxWaitMilliseconds = 120_000;

/**
 * Runs operations on many partitions, 100 per request.
 *
 * Transient failures are repeated after the wait that the service names. That holds for whole requests (the SDK does not
 * repeat bulk requests) and for single operations of a request: throttled (429), raced (449), timed out (408), or on a
 * partition that moves (410, 503). The caller handles every other status. A write that timed out may have been done: its
 * repetition then finds a document (409) or a newer version (412), as a second delivery of the same work does.
 *
 * Uses `items.bulk` because `executeBulkOperations` sleeps for a fixed second in the SDK.
 * @returns one response per operation, in their order; responses to writes carry no document
 * @throws FleetError `throttled` after 120 seconds of waiting, `unavailable`
 */
export async function bulk(
  container: Container,
  operations: readonly OperationInput[],
  sleep: (milliseconds: number) => Promise<void>,
): Promise<OperationResponse[]> {
  const answers: OperationResponse[] = new Array(operations.length);
  let open = operations.map((operation, index) => ({ operation, index }));
  let waited = 0;
  for (let tries = 1; ; tries++) {
    const waits = await pMap(slices(open, operationsPerRequest), (slice) => send(container, slice, answers), {
      concurrency: requestsInFlight,
    });
    open = open.filter(({ index }) => isTransient(answers[index]?.statusCode));
    if (open.length === 0) return answers;
    // Without a wait from the service: 100 ms, doubling to 5 s.
    const wait = Math.max(...waits) || Math.min(100 * 2 ** (tries - 1), 5_000);
    waited += wait;
    if (waited > maxWaitMilliseconds) {
      throw new FleetError('throttled', 'Cosmos DB is throttling this app.', { retryAfter: Math.ceil(wait / 1000) });
    }
    await sleep(wait);
  }
}

/**
 * Runs up to 100 operations in one request, once.
 * @returns one response per operation, in their order; undefined for one to try again, and for all where Cosmos DB throttles
 * @throws FleetError `unavailable`
 */
export async function bulkOnce(
  container: Container,
  operations: readonly OperationInput[],
): Promise<(OperationResponse | undefined)[]> {
  const answers: OperationResponse[] = new Array(operations.length);
  const placed = operations.map((operation, index) => ({ operation, index }));
  await send(container, placed, answers);
  return Array.from(answers, (answer) => (isTransient(answer?.statusCode) ? undefined : answer));
}

/** An operation and its place in the caller's list, from 0. */
interface Placed {
  readonly operation: OperationInput;
  readonly index: number;
}

/**
 * Sends one request and files its responses under the places of their operations.
 * @returns milliseconds to wait before operations that failed transiently are repeated; 0 when the service named no wait
 */
async function send(container: Container, slice: readonly Placed[], answers: OperationResponse[]): Promise<number> {
  let responses: readonly (OperationResponse & { readonly retryAfterMilliseconds?: number })[];
  try {
    const operations = slice.map(({ operation }) => operation);
    // A writer knows the document already. Without it a response is a few bytes per operation.
    const reads = operations.some(({ operationType }) => operationType === BulkOperationType.Read);
    const options = reads ? {} : { contentResponseOnWriteEnabled: false };
    responses = await requesting(() => container.items.bulk(operations, { continueOnError: true }, options));
  } catch (error) {
    if (error instanceof FleetError && error.code === 'throttled') return (error.details.retryAfter ?? 0) * 1000;
    throw error;
  }
  let wait = 0;
  for (const [position, { index }] of slice.entries()) {
    const response = responses[position];
    if (response === undefined) continue;
    answers[index] = response;
    if (isTransient(response.statusCode)) wait = Math.max(wait, response.retryAfterMilliseconds ?? 0);
  }
  return wait;
}

/** 424: not run because another operation failed. Undefined: the whole request was refused. */
const transient = new Set<number | undefined>([undefined, 408, 410, 424, 429, 449, 503]);

function isTransient(status: number | undefined): boolean {
  return transient.has(status);
}

function slices<T>(items: readonly T[], size: number): T[][] {
  const result: T[][] = [];
  for (let from = 0; from < items.length; from += size) result.push(items.slice(from, from + size));
  return result;
}
