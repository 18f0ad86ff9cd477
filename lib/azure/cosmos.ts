import {
  BulkOperationType,
  type Container,
  type ContainerRequest,
  type OperationInput,
  type OperationResponse,
} from '@azure/cosmos';
import pMap from 'p-map';
import { FleetError } from '../errors.ts';
import { cosmosContainers } from '../resource-names.ts';
import { serviceError } from './service-errors.ts';

/** What Cosmos adds to a document; none of it is ours to show or to write back. */
export interface SystemProperties {
  readonly _etag: string;
}

/** The document without what Cosmos added. */
export function withoutSystemProperties<T extends object>(document: T & Partial<SystemProperties>): T {
  const plain: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(document)) {
    if (!key.startsWith('_')) plain[key] = value;
  }
  return plain as T;
}

/**
 * The containers of the database, as local stack and tests create them; infra/azure/app/cosmos.bicep declares the same.
 * Only what a query filters or sorts by is indexed: every indexed path costs request units at each write.
 */
export const containerDefinitions: readonly (ContainerRequest & { readonly id: string })[] = [
  {
    id: cosmosContainers.devices,
    partitionKey: { paths: ['/id'] },
    indexingPolicy: indexing('/status/?', '/enrollmentGroup/?', '/claim/jobId/?'),
  },
  {
    id: cosmosContainers.jobs,
    partitionKey: { paths: ['/jobId'] },
    indexingPolicy: indexing('/jobId/?', '/type/?', '/listKey/?'),
  },
  { id: cosmosContainers.groups, partitionKey: { paths: ['/id'] } },
  // -1: documents live for ever unless they say otherwise; reasons of failures do.
  {
    id: cosmosContainers.deadLetters,
    partitionKey: { paths: ['/queue'] },
    defaultTtl: -1,
    indexingPolicy: indexing('/queue/?', '/type/?'),
  },
];

function indexing(...paths: readonly string[]): ContainerRequest['indexingPolicy'] {
  return { includedPaths: paths.map((path) => ({ path })), excludedPaths: [{ path: '/*' }] };
}

/** "Limit 100" operations a request (Items.bulk). */
const operationsPerRequest = 100;
const requestsInFlight = 4;

/**
 * How long operations may wait, all in all, for a service that throttles: well within functionTimeout (host.json), while the
 * host keeps the message hidden, so that the chunk slows down and is not delivered again to be throttled twice.
 */
const maxWaitMilliseconds = 120_000;

/**
 * Runs operations on many partitions, 100 a request, and gives one answer each, in order; of writes without the document.
 * What the service was too busy for is repeated, after the wait it asks for: whole requests (the SDK repeats no bulk
 * request by itself), and single operations of a request that went through: throttled (429), raced (449), timed out
 * (408), or on a partition that moves (410, 503). Other statuses are the caller's. A write that timed out may have been
 * done; its repetition then finds a document (409) or a newer version (412), as a second delivery of the same work does.
 *
 * `items.bulk` and not `executeBulkOperations`: the latter sleeps a fixed second in the SDK.
 * @throws FleetError `throttled` when all waiting was in vain, `unavailable`
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
    open = open.filter(({ index }) => isPassing(answers[index]?.statusCode));
    if (open.length === 0) return answers;
    // Where no wait is named: 100 ms, doubling to 5 s.
    const wait = Math.max(...waits) || Math.min(100 * 2 ** (tries - 1), 5_000);
    waited += wait;
    if (waited > maxWaitMilliseconds) {
      throw new FleetError('throttled', 'Cosmos DB asks to wait.', { retryAfter: Math.ceil(wait / 1000) });
    }
    await sleep(wait);
  }
}

interface Placed {
  readonly operation: OperationInput;
  readonly index: number;
}

/** @returns how many milliseconds the service asks to wait before what it refused is sent again; 0 where it names none */
async function send(container: Container, slice: readonly Placed[], answers: OperationResponse[]): Promise<number> {
  let responses: readonly (OperationResponse & { readonly retryAfterMilliseconds?: number })[];
  try {
    const operations = slice.map(({ operation }) => operation);
    // Whoever writes knows what was written; without it an answer is some bytes an operation.
    const reads = operations.some(({ operationType }) => operationType === BulkOperationType.Read);
    const options = reads ? {} : { contentResponseOnWriteEnabled: false };
    responses = await container.items.bulk(operations, { continueOnError: true }, options);
  } catch (error) {
    const failure = serviceError('Cosmos DB', error);
    if (failure instanceof FleetError && failure.code === 'throttled') return (failure.details.retryAfter ?? 0) * 1000;
    throw failure;
  }
  let wait = 0;
  for (const [position, { index }] of slice.entries()) {
    const response = responses[position];
    if (response === undefined) continue;
    answers[index] = response;
    if (isPassing(response.statusCode)) wait = Math.max(wait, response.retryAfterMilliseconds ?? 0);
  }
  return wait;
}

/** 424: left undone because of another operation. None: the request was refused whole. */
const passing = new Set<number | undefined>([undefined, 408, 410, 424, 429, 449, 503]);

function isPassing(status: number | undefined): boolean {
  return passing.has(status);
}

function slices<T>(items: readonly T[], size: number): T[][] {
  const result: T[][] = [];
  for (let from = 0; from < items.length; from += size) result.push(items.slice(from, from + size));
  return result;
}
