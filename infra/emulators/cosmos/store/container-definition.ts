import { badRequest } from '../errors.ts';
import { pathSteps } from '../partition-key.ts';
import type { Steps } from '../query/sql.ts';

/** The supported part of the definition of a container. */
export interface ContainerDefinition {
  readonly id: string;
  readonly partitionKey: { readonly paths: readonly string[]; readonly kind?: string; readonly version?: number };
  readonly indexingPolicy?: IndexingPolicy;
  /** Seconds. -1: documents expire only by their own `ttl`. Undefined: documents do not expire. */
  readonly defaultTtl?: number;
}

interface IndexingPolicy {
  readonly includedPaths?: readonly { readonly path: string }[];
  readonly excludedPaths?: readonly { readonly path: string }[];
  readonly compositeIndexes?: readonly (readonly { readonly path: string; readonly order?: string }[])[];
}

/** @throws CosmosError 400 that names the invalid member */
export function parseContainerDefinition(body: unknown): ContainerDefinition {
  const given = (body ?? {}) as Partial<ContainerDefinition>;
  const paths = given.partitionKey?.paths ?? ['/_partitionKey'];
  if (!Array.isArray(paths) || paths.length < 1 || paths.length > 3 || !paths.every(isPath)) {
    throw badRequest('The partition key must have one to three paths, such as "/id".');
  }
  const { defaultTtl, uniqueKeyPolicy } = given as {
    defaultTtl?: unknown;
    uniqueKeyPolicy?: { uniqueKeys?: unknown[] };
  };
  if (defaultTtl !== undefined && defaultTtl !== null && !isTtl(defaultTtl)) {
    throw badRequest('defaultTtl must be a number of seconds or -1.');
  }
  if ((uniqueKeyPolicy?.uniqueKeys ?? []).length > 0) throw badRequest('The emulator does not support unique keys.');
  return {
    id: resourceName(given.id),
    partitionKey: { kind: 'Hash', version: 2, ...given.partitionKey, paths },
    ...(given.indexingPolicy && { indexingPolicy: given.indexingPolicy }),
    ...(typeof defaultTtl === 'number' && { defaultTtl }),
  };
}

/** Checks the id of a database or container: up to 255 characters except `/ \ # ?`. @throws CosmosError 400 */
export function resourceName(id: unknown): string {
  if (typeof id !== 'string' || id === '' || id.length > 255 || /[/\\#?\p{Cc}]/u.test(id)) {
    throw badRequest('The id must be a string of 1 to 255 characters without "/", "\\", "#" and "?".');
  }
  return id;
}

export const isTtl = (value: unknown): value is number =>
  Number.isInteger(value) && (Number(value) > 0 || value === -1);

/**
 * The included paths that end in `/?`. Each gets an index. `/*` gets none, and neither do the elements of an array (`/[]/`):
 * a query for one reads every document. On the service it uses the index.
 */
export function indexedPaths({ indexingPolicy }: ContainerDefinition): Steps[] {
  const included = (indexingPolicy?.includedPaths ?? []).map(({ path }) => path);
  const paths = included.filter((path) => path.endsWith('/?') && !path.includes('/[]/'));
  // The id already has an index.
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
