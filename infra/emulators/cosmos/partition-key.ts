import { badRequest } from './errors.ts';

/** A partition key as clients send it: the JSON of an array with one scalar a path, `{}` where there is no value. */
export type PartitionKey = string;

/** The key in one spelling, so that equal keys are equal texts. @throws CosmosError 400 */
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

/** The key that a document has by the container's paths, such as `/claim/jobId`. @throws CosmosError 400 */
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

/** Steps of a path such as `/claim/jobId`, whose names may stand in quotes. */
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
