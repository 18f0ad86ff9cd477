import { badRequest } from '../errors.ts';
import { pathSteps } from '../partition-key.ts';
import type { Steps } from '../query/sql.ts';

/** What a client says of a container, as far as it matters here. */
export interface ContainerDefinition {
  readonly id: string;
  readonly partitionKey: { readonly paths: readonly string[]; readonly kind?: string; readonly version?: number };
  readonly indexingPolicy?: IndexingPolicy;
  /** Seconds; -1: only documents that say so themselves expire; absent: none does. */
  readonly defaultTtl?: number;
}

interface IndexingPolicy {
  readonly includedPaths?: readonly { readonly path: string }[];
  readonly compositeIndexes?: readonly (readonly { readonly path: string; readonly order?: string }[])[];
}

/** @throws CosmosError 400 that names what is wrong */
export function parseContainerDefinition(body: unknown): ContainerDefinition {
  const given = (body ?? {}) as Partial<ContainerDefinition>;
  const paths = given.partitionKey?.paths ?? ['/_partitionKey'];
  if (!Array.isArray(paths) || paths.length < 1 || paths.length > 3 || !paths.every(isPath)) {
    throw badRequest('The partition key needs one to three paths, such as "/id".');
  }
  const { defaultTtl, uniqueKeyPolicy } = given as {
    defaultTtl?: unknown;
    uniqueKeyPolicy?: { uniqueKeys?: unknown[] };
  };
  if (defaultTtl !== undefined && defaultTtl !== null && !isTtl(defaultTtl)) {
    throw badRequest('defaultTtl is a number of seconds, or -1.');
  }
  if ((uniqueKeyPolicy?.uniqueKeys ?? []).length > 0)
    throw badRequest('Unique keys are not supported by this emulator.');
  return {
    id: resourceName(given.id),
    partitionKey: { kind: 'Hash', version: 2, ...given.partitionKey, paths },
    ...(given.indexingPolicy && { indexingPolicy: given.indexingPolicy }),
    ...(typeof defaultTtl === 'number' && { defaultTtl }),
  };
}

/** Id of a database or container: up to 255 characters, none of `/ \ # ?`. @throws CosmosError 400 */
export function resourceName(id: unknown): string {
  if (typeof id !== 'string' || id === '' || id.length > 255 || /[/\\#?\p{Cc}]/u.test(id)) {
    throw badRequest('The id of a resource is a text of 1 to 255 characters, none of them "/", "\\", "#" or "?".');
  }
  return id;
}

export const isTtl = (value: unknown): value is number =>
  Number.isInteger(value) && (Number(value) > 0 || value === -1);

/** Paths that are indexed one by one: those that end in `/?`. `/*` names no path, and gets no index here. */
export function indexedPaths({ indexingPolicy }: ContainerDefinition): Steps[] {
  const paths = (indexingPolicy?.includedPaths ?? []).map(({ path }) => path).filter((path) => path.endsWith('/?'));
  // The id has an index of its own.
  return paths.map((path) => pathSteps(path.slice(0, -2))).filter((steps) => steps.length > 0 && steps[0] !== 'id');
}

export function compositePaths({ indexingPolicy }: ContainerDefinition): { steps: Steps; descending: boolean }[][] {
  return (indexingPolicy?.compositeIndexes ?? []).map((paths) =>
    paths.map(({ path, order }) => ({ steps: pathSteps(path), descending: order === 'descending' })),
  );
}

function isPath(path: unknown): boolean {
  return typeof path === 'string' && path.startsWith('/') && path.length > 1;
}
