import { pathSteps } from '../partition-key.ts';
import type { ContainerDefinition } from './container-definition.ts';

/*
 * The terms that the index of the service has of a document: one for each value that the container's policy includes, and one for
 * each composite index. The emulator finds documents by the indexes of SQLite (indexes.ts); it uses these to charge for writes.
 */

/** What a policy includes. */
interface Included {
  /** Steps of a path. `[]`: each element of an array. */
  readonly steps: readonly string[];
  /** Ends in `/*`: all values below. Otherwise in `/?`: the value itself. */
  readonly below: boolean;
}

interface Policy {
  readonly included: readonly Included[];
  readonly excluded: readonly (readonly string[])[];
  readonly composite: readonly (readonly (readonly string[])[])[];
}

const policies = new WeakMap<ContainerDefinition, Policy>();

function policyOf(definition: ContainerDefinition): Policy {
  const known = policies.get(definition);
  if (known !== undefined) return known;
  const {
    includedPaths = [{ path: '/*' }],
    excludedPaths = [],
    compositeIndexes = [],
  } = definition.indexingPolicy ?? {};
  const policy = {
    included: includedPaths.map(({ path }) => ({ steps: pathSteps(path).slice(0, -1), below: path.endsWith('/*') })),
    excluded: excludedPaths.map(({ path }) => pathSteps(path).slice(0, -1)),
    composite: compositeIndexes.map((paths) => paths.map(({ path }) => pathSteps(path))),
  };
  policies.set(definition, policy);
  return policy;
}

/** @returns a text for each term. Those that `id` and `_ts` have on every document are left out */
export function indexTerms(definition: ContainerDefinition, document: unknown): string[] {
  const { included, excluded, composite } = policyOf(definition);
  const terms: string[] = [];
  for (const { steps, below } of included) {
    // The more precise of two paths counts, so a path that is excluded below this one leaves out what it has.
    const without = below ? excluded.filter((path) => path.length > steps.length) : [];
    collect(document, { steps, below, without }, '', terms);
  }
  for (const paths of composite) {
    const values = paths.map((steps) => valueAt(document, steps));
    if (values.some((value) => value !== undefined)) terms.push(`${JSON.stringify(paths)} ${JSON.stringify(values)}`);
  }
  return terms;
}

interface Search extends Included {
  /** Excluded paths below. */
  readonly without: readonly (readonly string[])[];
}

function collect(value: unknown, { steps, below, without }: Search, path: string, terms: string[]): void {
  if (value === undefined || without.some((excluded) => `/${excluded.join('/')}` === path)) return;
  const [step, ...further] = steps;
  const isObject = value !== null && typeof value === 'object';
  if (step === undefined && !isObject) {
    // The id is indexed whatever the policy says.
    if (path !== '/id') terms.push(`${path} ${JSON.stringify(value)}`);
    return;
  }
  if (!isObject || (step === undefined && !below)) return;
  const rest = { steps: further, below, without };
  if (Array.isArray(value)) {
    if (step === undefined || step === '[]') for (const element of value) collect(element, rest, `${path}/[]`, terms);
    return;
  }
  const members = value as Readonly<Record<string, unknown>>;
  if (step !== undefined) {
    if (Object.hasOwn(members, step)) collect(members[step], rest, `${path}/${step}`, terms);
    return;
  }
  for (const [name, member] of Object.entries(members)) collect(member, rest, `${path}/${name}`, terms);
}

function valueAt(document: unknown, steps: readonly string[]): unknown {
  let value = document;
  for (const step of steps) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, step)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[step];
  }
  return value;
}

/** @returns how many terms are removed and added */
export function changedTerms(before: readonly string[], after: readonly string[]): number {
  const [old, present] = [new Set(before), new Set(after)];
  return [...old].filter((term) => !present.has(term)).length + [...present].filter((term) => !old.has(term)).length;
}
