import { badRequest } from './errors.ts';

/** A partition key as clients send it: a JSON array with one scalar per path, or `{}` for a missing value. */
export type PartitionKey = string;

/** Parses a key and writes it in one form, so that equal keys are equal strings. @throws CosmosError 400 */
export function parsePartitionKey(header: string, paths: number): PartitionKey {
  let key: unknown;
  try {
    key = JSON.parse(header);
  } catch {
    throw badRequest('The partition key is not JSON.');
  }
  if (!Array.isArray(key) || !key.every(isKeyPart)) throw badRequest('The partition key is not an array of scalars.');
  if (key.length !== paths)
    throw badRequest(`The partition key has ${key.length} values, the container ${paths} paths.`);
  return JSON.stringify(key);
}

/** Reads the key of a document by the paths of its container, such as `/claim/jobId`. @throws CosmosError 400 */
export function partitionKeyOf(document: Readonly<Record<string, unknown>>, paths: readonly string[]): PartitionKey {
  return JSON.stringify(
    paths.map((path) => {
      const value = pathSteps(path).reduce<unknown>(member, document);
      if (value === undefined) return {};
      if (!isKeyPart(value)) throw badRequest(`The partition key ${path} is not a scalar.`);
      return value;
    }),
  );
}

/** Splits a path such as `/claim/"jobId"` into its steps. A step may be quoted. */
export function pathSteps(path: string): string[] {
  return path
    .split('/')
    .slice(1)
    .map((step) => step.replace(/^"(.*)"$/, '$1'));
}

function member(value: unknown, name: string): unknown {
  if (value === null || typeof value !== 'object' || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}

function isKeyPart(value: unknown): boolean {
  if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return true;
  return typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length === 0;
}
