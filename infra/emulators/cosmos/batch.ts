import { type DocumentOperation, runOperation } from './document-operation.ts';
import { badRequest, CosmosError } from './errors.ts';
import { type PartitionKey, parsePartitionKey } from './partition-key.ts';
import type { CosmosAnswer } from './request.ts';
import { emptyCharge, round, type Throughput } from './request-units.ts';
import type { OpenContainer } from './store/catalog.ts';
import type { GroupCommit } from './store/database.ts';

export interface BatchOptions {
  /** A transactional batch: one partition, executed as a whole or not at all. */
  readonly atomic: boolean;
  /** For a bulk request: whether to execute the operations after a failed one. */
  readonly continueOnError: boolean;
  readonly partition: PartitionKey | undefined;
  /** Whether the answer contains written documents. It always contains read ones. */
  readonly withBodies: boolean;
}

/** "Maximum number of operations: 100", https://learn.microsoft.com/azure/cosmos-db/nosql/transactional-batch */
const maxOperations = 100;

/** Status of an operation that was not executed because another one failed. */
const failedDependency = 424;

interface BatchOperation {
  readonly operationType?: string;
  readonly id?: string;
  readonly resourceBody?: unknown;
  /** A JSON string. Only in bulk requests. */
  readonly partitionKey?: unknown;
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
}

interface Result {
  readonly status: number;
  readonly charge: number;
  readonly etag?: string;
  /** JSON. */
  readonly body?: string;
  readonly retryAfter?: string;
}

/**
 * Runs a transactional batch or a bulk request.
 * @returns 200 if every operation succeeded, otherwise 207 with one result per operation
 */
export function runBatch(
  container: OpenContainer,
  body: unknown,
  options: BatchOptions,
  budget: Throughput,
  commits: GroupCommit,
): CosmosAnswer {
  if (!Array.isArray(body) || body.length === 0)
    throw badRequest('The body is not a batch. Expected an array of operations.');
  if (body.length > maxOperations) throw badRequest(`The batch has more than ${maxOperations} operations.`);
  budget.admit();
  const operations = body as readonly (BatchOperation | null)[];
  const results = options.atomic
    ? runAtomic(container, operations, options, budget, commits)
    : runEach(container, operations, options, budget);
  const charge = round(results.reduce((sum, result) => sum + result.charge, 0));
  const failed = results.some(({ status }) => status >= 400);
  return { status: failed ? 207 : 200, body: `[${results.map(resultJson).join(',')}]`, charge };
}

function runEach(
  container: OpenContainer,
  operations: readonly (BatchOperation | null)[],
  options: BatchOptions,
  budget: Throughput,
): Result[] {
  let stopped = false;
  return operations.map((operation) => {
    if (stopped) return { status: failedDependency, charge: 0 };
    const result = runOne(container, operation, options, budget);
    stopped = !options.continueOnError && result.status >= 400;
    return result;
  });
}

function runAtomic(
  container: OpenContainer,
  operations: readonly (BatchOperation | null)[],
  options: BatchOptions,
  budget: Throughput,
  commits: GroupCommit,
): Result[] {
  if (options.partition === undefined) throw badRequest('A transactional batch needs a partition key in its header.');
  const results: Result[] = [];
  try {
    // The budget admits the batch as a whole, so its own cost never stops it halfway.
    commits.atomically(() => {
      for (const operation of operations) {
        const result = runOne(container, operation, options, { ...budget, admit() {} });
        results.push(result);
        if (result.status >= 400) throw new BatchFailed();
      }
    });
    return results;
  } catch (error) {
    if (!(error instanceof BatchFailed)) throw error;
    const failed = results.length - 1;
    return operations.map((_, index) =>
      index === failed && results[failed] !== undefined ? results[failed] : { status: failedDependency, charge: 0 },
    );
  }
}

class BatchFailed extends Error {}

function runOne(
  container: OpenContainer,
  operation: BatchOperation | null,
  { atomic, partition, withBodies }: BatchOptions,
  budget: Throughput,
): Result {
  try {
    budget.admit();
    const { status, document, charge } = runOperation(container, parsed(container, operation, atomic, partition));
    budget.spend(charge);
    if (document === undefined) return { status, charge };
    const body = withBodies || operation?.operationType === 'Read' ? container.documents.toJson(document) : undefined;
    return { status, charge, etag: `"${document.etag}"`, body };
  } catch (error) {
    if (!(error instanceof CosmosError)) throw error;
    const throttled = error.status === 429;
    if (!throttled) budget.spend(emptyCharge);
    return {
      status: error.status,
      charge: throttled ? 0 : emptyCharge,
      retryAfter: error.headers['x-ms-retry-after-ms'],
    };
  }
}

function parsed(
  { definition }: OpenContainer,
  operation: BatchOperation | null,
  atomic: boolean,
  partition: PartitionKey | undefined,
): DocumentOperation {
  if (operation === null || typeof operation !== 'object')
    throw badRequest('An operation of the batch is not an object.');
  const { operationType, id, resourceBody, partitionKey, ifMatch, ifNoneMatch } = operation;
  const key =
    typeof partitionKey === 'string'
      ? parsePartitionKey(partitionKey, definition.partitionKey.paths.length)
      : undefined;
  if (atomic && key !== undefined && key !== partition)
    throw badRequest('The operations of a transactional batch must have the same partition key.');
  return {
    type: String(operationType),
    id,
    body: resourceBody,
    partition: atomic ? partition : key,
    ifMatch,
    ifNoneMatch,
  };
}

function resultJson({ status, charge, etag, body, retryAfter }: Result): string {
  const members = [`"statusCode":${status}`, `"requestCharge":${charge}`];
  if (etag !== undefined) members.push(`"eTag":${JSON.stringify(etag)}`);
  if (retryAfter !== undefined) members.push(`"retryAfterMilliseconds":${retryAfter}`);
  if (body !== undefined) members.push(`"resourceBody":${body}`);
  return `{${members.join(',')}}`;
}
