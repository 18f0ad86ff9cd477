import { type Api, answered, type Schemas } from './api.ts';
import { CliError, exitCodes, usageError } from './errors.ts';
import type { DeclaredGroup } from './group-files.ts';
import { faultsOf, isObject, type Schema, withDefaults } from './group-schema.ts';

/** A member that would become another one. Absent: it has no value. */
export interface Change {
  readonly path: string;
  readonly from?: unknown;
  readonly to?: unknown;
}

export type Step =
  | { readonly step: 'create'; readonly id: string; readonly definition: object; readonly changes: readonly Change[] }
  | {
      readonly step: 'change';
      readonly id: string;
      readonly etag: string;
      readonly definition: object;
      readonly changes: readonly Change[];
    }
  | { readonly step: 'delete'; readonly id: string; readonly etag: string };

/** What an apply would do. It holds for these versions of the groups only. */
export interface Plan {
  /** The deployment that it is for. */
  readonly url: string;
  readonly madeAt: string;
  readonly steps: readonly Step[];
  readonly unchanged: readonly string[];
  /** Groups of the deployment that no file declares. They stay. */
  readonly kept: readonly string[];
  /** URLs whose query cannot be compared, because the API does not show it: group and path. */
  readonly notCompared: readonly string[];
}

export interface PlanOptions {
  /** Groups that no file declares are deleted. */
  readonly prune?: true | undefined;
  /** Groups without a change that can be seen are written too. */
  readonly rewrite?: true | undefined;
}

/**
 * Compares declared groups with the live ones.
 * @throws CliError when a definition has faults
 */
export async function makePlan(
  api: Api,
  declared: readonly DeclaredGroup[],
  { prune, rewrite }: PlanOptions,
  now: Date,
): Promise<Plan> {
  const schema = await definitionSchema(api);
  const faults = declared.flatMap(({ definition, file }) =>
    faultsOf(schema, definition).map((fault) => `  ${file}: ${fault}`),
  );
  if (faults.length > 0)
    throw usageError(`The files have faults:\n${faults.join('\n')}`, 'docs/groups.md lists every member.');

  const { enrollmentGroups } = await answered(api.client.GET('/enrollment-groups'));
  const live = new Set(enrollmentGroups.map(({ id }) => id));
  const [steps, unchanged, notCompared]: [Step[], string[], string[]] = [[], [], []];
  for (const { id, definition } of declared) {
    const wanted = withDefaults(schema, definition);
    if (!live.has(id)) {
      steps.push({ step: 'create', id, definition, changes: changesBetween({}, wanted) });
      continue;
    }
    const { group, etag } = await readGroup(api, id);
    const changes = changesBetween(group.definition, wanted);
    notCompared.push(...hiddenQueries(group.definition, wanted).map((path) => `${id} ${path}`));
    if (changes.length === 0 && !rewrite) unchanged.push(id);
    else steps.push({ step: 'change', id, etag, definition, changes });
  }
  const undeclared = [...live].filter((id) => !declared.some((group) => group.id === id));
  if (prune) {
    for (const id of undeclared) steps.push({ step: 'delete', id, etag: (await readGroup(api, id)).etag });
  }
  return {
    url: api.target.url,
    madeAt: now.toISOString(),
    steps,
    unchanged,
    kept: prune ? [] : undeclared,
    notCompared,
  };
}

/** A group with the version that it has now. */
export async function readGroup(
  { client }: Api,
  id: string,
): Promise<{ group: Schemas['EnrollmentGroup']; etag: string }> {
  const call = client.GET('/enrollment-groups/{id}', { params: { path: { id } } });
  const group = await answered(call);
  const etag = (await call).response.headers.get('etag');
  if (etag === null)
    throw new CliError(exitCodes.failed, `The answer for group ${id} has no ETag.`, { next: 'fleet doctor' });
  return { group, etag };
}

async function definitionSchema({ client }: Api): Promise<Schema> {
  const description = (await answered(client.GET('/openapi.json'))) as {
    components?: { schemas?: Record<string, Schema> };
  };
  const schema = description.components?.schemas?.['GroupDefinition'];
  if (schema !== undefined) return schema;
  throw new CliError(exitCodes.failed, 'The deployment does not describe definitions of groups.', {
    next: 'fleet doctor',
  });
}

/** The members that differ, by path. Lists are compared as a whole. */
function changesBetween(from: object, to: object): Change[] {
  const [before, after] = [leaves(from), leaves(to)];
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((path): Change[] => {
    const [old, wanted] = [before.get(path), after.get(path)];
    if (JSON.stringify(old) === JSON.stringify(wanted) || isHiddenQuery(old, wanted)) return [];
    return [{ path, ...(old === undefined ? {} : { from: old }), ...(wanted === undefined ? {} : { to: wanted }) }];
  });
}

/** The URLs of which the query cannot be compared. */
function hiddenQueries(live: object, wanted: object): string[] {
  const shown = leaves(live);
  return [...leaves(wanted)].flatMap(([path, value]) => (isHiddenQuery(shown.get(path), value) ? [path] : []));
}

/** The API does not show the query of a URL, which often holds a key. So a URL that differs in nothing else counts as equal. */
function isHiddenQuery(live: unknown, wanted: unknown): boolean {
  if (typeof live !== 'string' || typeof wanted !== 'string' || !wanted.includes('?')) return false;
  const [bare = ''] = wanted.split('?');
  return /^https?:/.test(bare) && live.split('?')[0] === bare;
}

function leaves(value: object, prefix = ''): Map<string, unknown> {
  const members = Object.entries(value).flatMap(([name, member]): [string, unknown][] => {
    const path = `${prefix}${name}`;
    return isObject(member) && Object.keys(member).length > 0 ? [...leaves(member, `${path}.`)] : [[path, member]];
  });
  // An empty object says nothing that its absence does not say.
  return new Map(members.filter(([, member]) => !isObject(member)));
}

/** Does one step, if the group is still as the plan saw it. @throws CliError `failed` when it is not */
export async function doStep(
  { client }: Api,
  step: Step,
  adopt: boolean,
): Promise<Schemas['EnrollmentGroup'] | undefined> {
  const { id } = step;
  try {
    if (step.step === 'delete') {
      await answered(
        client.DELETE('/enrollment-groups/{id}', { params: { path: { id }, header: { 'if-match': step.etag } } }),
      );
      return undefined;
    }
    const header = step.step === 'create' ? { 'if-none-match': '*' } : { 'if-match': step.etag };
    const params = { path: { id }, header, query: adopt ? { adopt } : {} };
    const body = step.definition as Schemas['GroupDefinition'];
    return await answered(client.PUT('/enrollment-groups/{id}', { params, body }));
  } catch (error) {
    if (!(error instanceof CliError) || error.details.code !== 'precondition-failed') throw error;
    const hint = 'Nothing of this group was changed. Compare the files again.';
    throw new CliError(exitCodes.failed, `Group ${id} is not as the plan saw it.`, { ...error.details, hint });
  }
}

/** Reads a plan that `fleet group diff --plan-out` wrote. @throws CliError when it is not one */
export function parsePlan(text: string, file: string): Plan {
  try {
    const plan = JSON.parse(text) as Plan;
    if (Array.isArray(plan.steps) && typeof plan.url === 'string') return plan;
  } catch {
    // The error below says it.
  }
  throw usageError(`${file} is not a plan.`, 'Make one: fleet group diff DIR --plan-out FILE.');
}
