import { type Api, answered, type Schemas } from '../api.ts';
import type { Context } from '../context.ts';
import type { Check } from '../doctor-check.ts';
import { CliError } from '../errors.ts';
import type { Column } from '../output.ts';
import { profilesPath } from '../profiles.ts';
import { findTarget, type Target } from '../target.ts';
import { duration, plural } from '../text.ts';
import { version } from '../version.ts';
import { outsideChecks, packageCheck } from './doctor-deployment.ts';
import { linkedHubChecks, quotaChecks } from './doctor-quotas.ts';

const columns: readonly Column<Check>[] = [
  { name: 'state', value: ({ state }) => state, kind: 'status' },
  { name: 'check', value: ({ name }) => name },
  { name: 'found', value: ({ found }) => found },
  { name: 'fix', value: ({ fix }) => fix },
];

/** Clocks that differ by more than this break tokens and signatures. */
const maxSkewSeconds = 300;

/** Resource ids in Azure that the command reads with the rights of the caller. */
interface DoctorOptions {
  readonly dps?: string | undefined;
  readonly deployment?: string | undefined;
}

export async function doctor(context: Context, options: DoctorOptions): Promise<number> {
  const checks: Check[] = [];
  for await (const check of examine(context, options)) {
    checks.push(check);
    if (!context.output.isTable) continue;
    const { name, state, found, fix } = check;
    const lines = [
      `${state.padEnd(7)}  ${name}: ${found}`,
      ...(fix === undefined ? [] : [`${' '.repeat(9)}fix: ${fix}`]),
    ];
    await context.output.one(check, () => lines);
  }
  if (!context.output.isTable) await context.output.rows(columns, checks);
  const faults = checks.filter(({ state }) => state === 'FAULT').length;
  const warnings = checks.filter(({ state }) => state === 'warning').length;
  context.say(`${plural(checks.length, 'check')}, ${plural(faults, 'fault')}, ${plural(warnings, 'warning')}`);
  return faults > 0 ? 1 : 0;
}

/** Looks at one thing after the other, from the workstation outwards. Ends where the rest cannot be known. */
async function* examine(context: Context, { dps, deployment }: DoctorOptions): AsyncGenerator<Check> {
  yield { name: 'command line', state: 'ok', found: `version ${version} on Node.js ${process.versions.node}` };
  // Before the app: they say why it does not answer.
  if (deployment !== undefined) yield* outsideChecks(deployment, context.terminal.now());
  const target = await attempt('profile', () => findTarget(context.options, context.terminal.env));
  if (isCheck(target)) return yield target;
  yield targetCheck(target, context);

  const api = await context.api();
  const reached = await attempt('sign-in', () => answered(api.client.GET('/me')));
  if (isCheck(reached)) return yield reached;
  yield { name: 'sign-in', state: 'ok', found: `${target.url} knows the caller as ${reached.name}` };
  yield* accessChecks(target, reached);
  yield await versionCheck(context, api);
  if (deployment !== undefined) yield await packageCheck(reached.deployment.packageDigest);
  yield await rolesCheck(api, reached);
  yield* await healthChecks(api);
  // An app of an earlier version has one instance, and does not name it.
  const { dpsInstances = [] } = reached.deployment;
  yield* summaryChecks(api, context.terminal.now(), { dps, dpsInstances });
}

function isCheck(value: object): value is Check {
  return 'state' in value && 'found' in value;
}

/** What a step returns, or the check that says why it failed. */
async function attempt<Value extends object>(name: string, step: () => Promise<Value>): Promise<Value | Check> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { name, state: 'FAULT', found: error.message, fix: error.details.hint };
  }
}

function targetCheck({ name, url, auth, key }: Target, { terminal }: Context): Check {
  const found = `${name} is ${url}, signed in by ${auth}`;
  if (auth !== 'key' || key !== undefined) return { name: 'profile', state: 'ok', found };
  const fix = `Set FLEET_KEY, or store a key in ${profilesPath(terminal.env)} with fleet profile add.`;
  return { name: 'profile', state: 'FAULT', found: `${found}, but there is no key`, fix };
}

function* accessChecks({ auth }: Target, { access, deployment }: Schemas['Me']): Generator<Check> {
  const name = 'access';
  if (access === 'entra' && auth === 'key') {
    const fix = 'Run fleet profile add again with --auth entra and --scope api://APP_ID/.default.';
    yield {
      name,
      state: 'warning',
      found: 'the deployment takes tokens of Microsoft Entra, the profile has a key',
      fix,
    };
  } else yield { name, state: 'ok', found: access === 'entra' ? 'Microsoft Entra' : 'function keys' };
  if (deployment.plainKeys) {
    const found = 'groups may have keyCustody "plain": the app makes private keys and hands them out';
    yield { name: 'settings', state: 'warning', found, fix: 'Unset ALLOW_PLAIN_KEYS in production.' };
  }
}

/** Compares version and clock, by one answer of the deployment. */
async function versionCheck({ terminal }: Context, { client }: Api): Promise<Check> {
  const name = 'version and clock';
  const { data, response } = await client.GET('/openapi.json');
  const theirs = (data as { info?: { version?: string } } | undefined)?.info?.version ?? 'unknown';
  const date = Date.parse(response.headers.get('date') ?? '');
  const skew = Number.isNaN(date) ? 0 : Math.abs(date - terminal.now().getTime()) / 1000;
  const found = `the deployment has version ${theirs}, clocks differ by ${duration(skew)}`;
  if (skew > maxSkewSeconds) return { name, state: 'FAULT', found, fix: 'Set the clock of this machine.' };
  if (theirs === version) return { name, state: 'ok', found };
  return { name, state: 'warning', found, fix: `Use version ${theirs} of the command line.` };
}

/** The roles that the caller holds. A function key does not say; so one request per role is tried that changes nothing. */
async function rolesCheck({ client }: Api, me: Schemas['Me']): Promise<Check> {
  const name = 'roles';
  if (me.roles !== undefined) {
    const limited =
      me.groupRoles?.map(({ role, enrollmentGroups }) => `${role} of ${enrollmentGroups.join(', ')}`) ?? [];
    const held = [...me.roles, ...limited];
    if (held.length > 0) return { name, state: 'ok', found: held.join('; ') };
    return { name, state: 'FAULT', found: 'none', fix: 'Ask for an app role of the deployment: docs/deploy.md.' };
  }
  const opens = async (call: Promise<{ response: Response }>) => ![401, 403].includes((await call).response.status);
  const held = [
    ...((await opens(client.GET('/jobs', { params: { query: { limit: 1 } } }))) ? ['reader'] : []),
    // An empty list is refused, and nothing is stored.
    ...((await opens(client.POST('/checks', { body: '' }))) ? ['submitter'] : []),
    ...((await opens(client.GET('/dead-letters', { params: { query: { limit: 1 } } }))) ? ['operator'] : []),
  ];
  return { name, state: 'ok', found: `the key opens ${held.join(', ')}` };
}

async function healthChecks({ client }: Api): Promise<Check[]> {
  const health = await attempt('health', () => answered(client.GET('/health')));
  if (isCheck(health)) return [{ ...health, state: 'warning' }];
  return health.checks.map(({ name, ok, problem, note }): Check => {
    if (!ok) return { name, state: 'FAULT', found: 'failing', fix: problem };
    // A note says when DPS was asked, or what comes later. An end that is near has a check of its own.
    return { name, state: 'ok', found: note ?? 'ok' };
  });
}

/** Which DPS is asked for its linked hubs, and the instances of the deployment. */
interface DpsOptions {
  readonly dps: string | undefined;
  readonly dpsInstances: Schemas['Me']['deployment']['dpsInstances'];
}

/** What waits for an operator, and what is left of the limits of Azure. */
async function* summaryChecks({ client }: Api, now: Date, { dps, dpsInstances }: DpsOptions): AsyncGenerator<Check> {
  const summary = await attempt('summary', () => answered(client.GET('/summary')));
  if (isCheck(summary)) return yield { ...summary, state: 'warning' };
  const { findings, deadLetters, groups, certificates } = summary;
  const urgent = findings.bySeverity.critical + findings.bySeverity.high;
  const ended = certificates.ended + certificates.within30Days;
  yield counted('findings', urgent, `${plural(urgent, 'finding')} of severity critical or high`, 'fleet findings');
  yield counted('dead letters', deadLetters?.total ?? 0, 'messages failed for good', 'fleet dead-letters list');
  yield groupsCheck(groups);
  const found = `${plural(ended, 'device')} with a certificate that ended or ends within 30 days`;
  yield counted('certificates', ended, found, `fleet devices --expires-before 30d`);
  for (const queue of summary.queues?.byQueue ?? []) yield* queueCheck(queue, now);
  for (const { group, certificate, days } of groups.endingCas) {
    const found = `the ${certificate} of ${group} ends in ${plural(days, 'day')}`;
    yield {
      name: 'CAs',
      state: days < 30 ? 'FAULT' : 'warning',
      found,
      fix: `Run fleet group rollover ${group} --start.`,
    };
  }
  const names = dpsInstances.map(({ name }) => name);
  yield* quotaChecks(summary, now, names.length === 0 ? ['default'] : names);
  if (dps !== undefined) yield* linkedHubChecks(client, summary, { dps, dpsInstances });
}

function groupsCheck({ refused, pending }: Schemas['Summary']['groups']): Check {
  const found = [
    ...(refused.length > 0 ? [`DPS refused ${refused.join(', ')}`] : []),
    ...(pending.length > 0
      ? [`${pending.join(', ')} ${pending.length === 1 ? 'waits' : 'wait'} for DPS or for you`]
      : []),
  ].join('; ');
  const [first = ''] = [...refused, ...pending];
  return counted('groups', refused.length + pending.length, found, `fleet group show ${first}`);
}

/** Seconds after which a message should have been received. The host polls an idle queue each few seconds (docs/host.md). */
const longWait = 600;

function queueCheck(
  { queue, messages, oldest }: NonNullable<Schemas['Summary']['queues']>['byQueue'][number],
  now: Date,
): Check[] {
  const waits = oldest === undefined ? 0 : (now.getTime() - Date.parse(oldest)) / 1000;
  if (waits < longWait) return [];
  const found = `${plural(messages, 'message')}, the oldest waits for ${duration(waits)}`;
  return [{ name: `queue ${queue}`, state: 'warning', found, fix: 'See whether the functions run, and their log.' }];
}

function counted(name: string, count: number, found: string, verb: string): Check {
  return count === 0
    ? { name, state: 'ok', found: 'nothing to do' }
    : { name, state: 'warning', found, fix: `Run ${verb}.` };
}
