import { readFile, writeFile } from 'node:fs/promises';
import type { Api } from '../api.ts';
import type { Context } from '../context.ts';
import { CliError, errorLines, exitCodes, usageError } from '../errors.ts';
import { readGroups } from '../group-files.ts';
import { type Change, doStep, makePlan, type Plan, type PlanOptions, parsePlan, type Step } from '../group-plan.ts';
import { ask } from '../terminal.ts';
import { plural } from '../text.ts';

interface DiffOptions extends PlanOptions {
  readonly planOut?: string | undefined;
  readonly detailedExitcode?: true | undefined;
}

/** Shows what an apply would change. */
export async function diffGroups(context: Context, path: string, options: DiffOptions): Promise<number> {
  const plan = await planFor(context, path, options);
  await context.output.one(plan, planLines);
  if (options.planOut !== undefined) {
    // URLs of webhooks can hold keys.
    await writeFile(options.planOut, `${JSON.stringify(plan, undefined, 2)}\n`, { mode: 0o600 });
    context.say(`next: fleet group apply --plan ${options.planOut}`);
  } else if (plan.steps.length > 0) context.say(`next: fleet group apply ${path}`);
  return options.detailedExitcode && plan.steps.length > 0 ? exitCodes.changes : exitCodes.ok;
}

async function planFor({ api, terminal }: Context, path: string, options: PlanOptions): Promise<Plan> {
  return makePlan(await api(), await readGroups(path), options, terminal.now());
}

interface ApplyOptions extends PlanOptions {
  readonly plan?: string | undefined;
  readonly adopt?: true | undefined;
  readonly confirm?: readonly string[] | undefined;
  readonly detailedExitcode?: true | undefined;
  readonly yes?: true | undefined;
}

/** Applies files, or a plan that was made before. */
export async function applyGroups(context: Context, path: string | undefined, options: ApplyOptions): Promise<number> {
  if ((path === undefined) === (options.plan === undefined))
    throw usageError('Give PATH or --plan FILE, one of the two.');
  const api = await context.api();
  const plan = path === undefined ? await savedPlan(api, options.plan ?? '') : await planFor(context, path, options);
  const { steps } = plan;
  for (const line of planLines(plan)) context.say(line);
  if (steps.length > 0) await confirmPlan(context, steps, options);
  const results: Result[] = [];
  for (const step of steps) results.push(await tryStep(api, step, options.adopt === true));
  await context.output.rows(columns, results);
  for (const { id, advice = [] } of results) for (const line of advice) context.say(`${id}: ${line}`);
  const failed = results.filter(({ state }) => state === 'failed' || state === 'refused').length;
  if (failed > 0) {
    context.say(`${plural(failed, 'group')} of ${steps.length} failed.`);
    context.say(`next: fleet group diff ${path ?? 'DIR'}`);
    return exitCodes.failed;
  }
  return options.detailedExitcode && steps.length > 0 ? exitCodes.changes : exitCodes.ok;
}

async function savedPlan({ target }: Api, file: string): Promise<Plan> {
  const plan = parsePlan(await readFile(file, 'utf8'), file);
  if (plan.url === target.url) return plan;
  throw usageError(
    `The plan is for ${plan.url}, and the deployment is ${target.url}.`,
    'Use the profile that it was made with.',
  );
}

/** A yes for changes; the name of each group that is deleted. */
async function confirmPlan(context: Context, steps: readonly Step[], options: ApplyOptions): Promise<void> {
  const { terminal } = context;
  for (const { id } of steps.filter(({ step }) => step === 'delete')) {
    if (options.confirm?.includes(id)) continue;
    if (!terminal.isTerminal.stdin)
      throw usageError(`Group ${id} would be deleted.`, `Add --confirm ${id} when you are sure.`);
    const typed = await ask(terminal, `Group ${id} will be deleted, here and in DPS. Type its name: `);
    if (typed !== id) throw new CliError(exitCodes.failed, 'Not confirmed. Nothing was done.');
  }
  const others = steps.filter(({ step }) => step !== 'delete').length;
  if (others > 0) await context.confirm(`Apply to ${plural(others, 'group')}?`, options);
}

interface Result {
  readonly id: string;
  readonly step: Step['step'];
  readonly state: string;
  readonly message?: string | undefined;
  /** What to do, and where to look. */
  readonly advice?: readonly string[] | undefined;
}

const columns = [
  { name: 'group', value: ({ id }: Result) => id },
  { name: 'step', value: ({ step }: Result) => step },
  { name: 'state', value: ({ state }: Result) => state, kind: 'status' as const },
  { name: 'message', value: ({ message }: Result) => message },
];

/** One group that is refused does not keep the others from being applied. */
async function tryStep(api: Api, step: Step, adopt: boolean): Promise<Result> {
  try {
    const group = await doStep(api, step, adopt);
    if (group === undefined) return { id: step.id, step: step.step, state: 'done' };
    const { status, reason } = group.enrollment;
    return { id: step.id, step: step.step, state: status, message: reason?.message };
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode === exitCodes.interrupted) throw error;
    const [first = '', ...advice] = errorLines(error);
    return { id: step.id, step: step.step, state: 'failed', message: first.replace(/^error: /, ''), advice };
  }
}

const signs = { create: '+', change: '~', delete: '-' };

/** The plan for people, member by member. */
export function planLines({ steps, unchanged, kept, notCompared }: Plan): string[] {
  const counts = Map.groupBy(steps, ({ step }) => step);
  const count = (step: Step['step']) => counts.get(step)?.length ?? 0;
  return [
    ...steps.flatMap((step) => [
      `${signs[step.step]} ${step.id}`,
      ...(step.step === 'delete' ? [] : step.changes.map((change) => `    ${changeText(change)}`)),
    ]),
    ...(kept.length > 0 ? [`  not in the files, and kept: ${kept.join(', ')}`] : []),
    ...notCompared.map(
      (place) => `  not compared: the query of ${place}, which the API does not show (--rewrite sends it)`,
    ),
    `${count('create')} to create, ${count('change')} to change, ${count('delete')} to delete, ${unchanged.length} unchanged`,
  ];
}

function changeText(change: Change): string {
  const { path, from, to } = change;
  if (!('from' in change)) return `${path}: ${shown(to)}`;
  return 'to' in change ? `${path}: ${shown(from)} -> ${shown(to)}` : `${path}: ${shown(from)} -> (none)`;
}

/** A value on one line. The query of a URL can hold a key, so it is not shown. */
function shown(value: unknown): string {
  const text = JSON.stringify(value).replaceAll(/(https?:[^"?]*)\?[^"]*/g, '$1?…');
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
