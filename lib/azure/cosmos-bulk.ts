import type { Container, OperationInput, OperationResponse } from '@azure/cosmos';
import pMap from 'p-map';
import { FleetError } from '../errors.ts';
import { calling } from './service-errors.ts';

/** "Limit 100" operations a request (Items.bulk). */
const operationsPerRequest = 100;
const requestsInFlight = 4;

/** Tries of an operation that the service told to wait, inside a bulk answer that succeeded as a whole. */
const maxTries = 10;

/**
 * Runs operations on many partitions, 100 a request, and gives one answer each, in order. A single operation that is
 * throttled (429), raced (449) or met a moving partition (410, 503) is repeated alone; other statuses are the caller's.
 *
 * `items.bulk` and not `executeBulkOperations`: the latter sleeps a fixed second in the SDK.
 */
export async function bulk(
  container: Container,
  operations: readonly OperationInput[],
  sleep: (milliseconds: number) => Promise<void>,
): Promise<OperationResponse[]> {
  const answers: OperationResponse[] = new Array(operations.length);
  let open = operations.map((operation, index) => ({ operation, index }));
  for (let tries = 1; open.length > 0; tries++) {
    await pMap(slices(open, operationsPerRequest), (slice) => send(container, slice, answers), {
      concurrency: requestsInFlight,
    });
    open = open.filter(({ index }) => isPassing(answers[index]?.statusCode));
    if (open.length === 0) break;
    if (tries === maxTries) throw new FleetError('throttled', 'Cosmos DB asks to wait.', { retryAfter: 10 });
    // A bulk answer names no wait an operation in this SDK: 100 ms, doubling to 5 s.
    await sleep(Math.min(100 * 2 ** (tries - 1), 5_000));
  }
  return answers;
}

interface Placed {
  readonly operation: OperationInput;
  readonly index: number;
}

async function send(container: Container, slice: readonly Placed[], answers: OperationResponse[]): Promise<void> {
  const responses = await calling('Cosmos DB', () =>
    container.items.bulk(
      slice.map(({ operation }) => operation),
      { continueOnError: true },
    ),
  );
  for (const [position, { index }] of slice.entries()) {
    const response = responses[position];
    if (response !== undefined) answers[index] = response;
  }
}

function isPassing(status: number | undefined): boolean {
  return status === 429 || status === 449 || status === 410 || status === 503 || status === 424 || status === undefined;
}

function slices<T>(items: readonly T[], size: number): T[][] {
  const result: T[][] = [];
  for (let from = 0; from < items.length; from += size) result.push(items.slice(from, from + size));
  return result;
}
