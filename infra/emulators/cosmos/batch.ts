import { type DocumentOperation, runOperation } from './document-operation.ts';
import { badRequest, CosmosError } from './errors.ts';
import { type PartitionKey, parsePartitionKey } from './partition-key.ts';
import type { CosmosAnswer } from './request.ts';
import { emptyCharge, round, type Throughput } from './request-units.ts';
import type { OpenContainer } from './store/catalog.ts';
import type { GroupCommit } from './store/database.ts';

export interface BatchOptions {
  /** Transactional: one partition, all or nothing. */
  readonly atomic: boolean;
  /** Of a batch that is not: whether what follows a failed operation is tried. */
  readonly goOn: boolean;
  readonly partition: PartitionKey | undefined;
  /** Whether what is written is sent back; what is read always is. */
  readonly withBodies: boolean;
}

/** "Maximum number of operations: 100", https://learn.microsoft.com/azure/cosmos-db/nosql/transactional-batch */
const maxOperations = 100;

/** The status of operations that another one's failure left undone. */
const failedDependency = 424;

interface BatchOperation {
  readonly operationType?: string;
  readonly id?: string;
  readonly resourceBody?: unknown;
  /** JSON in a text: of a batch that is not transactional. */
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

/** Runs many operations in one request. 200 where all succeeded, 207 where the results have to be looked at. */
export function runBatch(
  container: OpenContainer,
  body: unknown,
  options: BatchOptions,
  budget: Throughput,
  commits: GroupCommit,
): CosmosAnswer {
  if (!Array.isArray(body) || body.length === 0) throw badRequest('A batch is a list of operations.');
  if (body.length > maxOperations) throw badRequest(`A batch has at most ${maxOperations} operations.`);
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
    stopped = !options.goOn && result.status >= 400;
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
  if (options.partition === undefined) throw badRequest('A transactional batch names its partition key.');
  const results: Result[] = [];
  try {
    // Let in as a whole, and so never cut short by its own cost.
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
  if (operation === null || typeof operation !== 'object') throw badRequest('An operation is an object.');
  const { operationType, id, resourceBody, partitionKey, ifMatch, ifNoneMatch } = operation;
  const key =
    typeof partitionKey === 'string'
      ? parsePartitionKey(partitionKey, definition.partitionKey.paths.length)
      : undefined;
  if (atomic && key !== undefined && key !== partition)
    throw badRequest('A transactional batch has one partition key.');
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
