import type { Context } from '../../context.ts';
import { CliError, exitCodes, usageError } from '../../errors.ts';
import { createGraph, type Graph } from './graph.ts';
import type { AppRole } from './registration.ts';
import {
  type ApplicationName,
  callLines,
  findApplication,
  readServicePrincipal,
  refuseUnlessGuid,
  type ServicePrincipal,
  withAppId,
} from './tenant.ts';

export interface AssignOptions {
  readonly name: string;
  readonly appId?: string | undefined;
  readonly person?: readonly string[] | undefined;
  readonly group?: readonly string[] | undefined;
  readonly application?: readonly string[] | undefined;
  readonly tenant?: string | undefined;
  readonly graph: string;
  readonly dryRun?: true | undefined;
}

/** Who gets a role. */
interface Assignee {
  readonly kind: 'person' | 'group' | 'application';
  /** As it was given. */
  readonly given: string;
  /** Object id. */
  readonly id: string;
}

interface Assignment {
  readonly principalId: string;
  readonly appRoleId: string;
}

/**
 * Gives an app role to people, security groups and applications. For an application this is the consent of an administrator, without
 * which it gets no token with the role.
 */
export async function assignRole(context: Context, role: string, options: AssignOptions): Promise<undefined> {
  const { output, terminal } = context;
  const given = [
    ...(options.person ?? []).map((each) => ['person', each] as const),
    ...(options.group ?? []).map((each) => ['group', each] as const),
    ...(options.application ?? []).map((each) => ['application', each] as const),
  ];
  if (given.length === 0)
    throw usageError('Who is to get the role is missing.', 'Add --person NAME, --group ID or --application CLIENT_ID.');
  const graph = createGraph({ ...options, url: options.graph, dryRun: options.dryRun === true }, terminal);
  const principal = await principalOf(graph, withAppId(options, terminal.env));
  const { id: appRoleId, allowedMemberTypes } = roleOf(principal, role);
  for (const [kind] of given) {
    const member = kind === 'application' ? 'Application' : 'User';
    if (!allowedMemberTypes.includes(member))
      throw usageError(`The role "${role}" is not for ${kind === 'application' ? 'applications' : 'people'}.`);
  }
  // Everyone is looked up before anyone gets the role.
  const assignees: Assignee[] = [];
  for (const [kind, each] of given) assignees.push(await assigneeOf(graph, kind, each));

  const present = await graph.list<Assignment>('listAssignments', { path: { id: principal.id } });
  const results: { readonly to: string; readonly kind: string; readonly state: string }[] = [];
  for (const { id: principalId, kind, given: to } of assignees) {
    const has = present.some((each) => each.principalId === principalId && each.appRoleId === appRoleId);
    if (!has) {
      const body = { principalId, resourceId: principal.id, appRoleId };
      await graph.write('createAssignment', { path: { id: principal.id }, body }, {});
      present.push(body);
    }
    results.push({ to, kind, state: has ? 'has it already' : options.dryRun ? 'would get it' : 'has it now' });
  }
  await output.one({ role, assignments: results, dryRun: options.dryRun === true, calls: graph.calls }, () => [
    ...(options.dryRun ? callLines(graph.calls) : []),
    ...results.map(({ to, kind, state }) => `${role}: ${kind} ${to} ${state}`),
  ]);
  // Built-in authentication has a list of its own.
  const clients = options.application?.join(', ');
  if (clients !== undefined)
    context.say(
      `The deployment has to admit ${clients} too, or it answers 403: ENTRA_ALLOWED_APPLICATIONS (docs/deploy.md).`,
    );
  return undefined;
}

async function principalOf(graph: Graph, options: ApplicationName): Promise<ServicePrincipal> {
  const application = await findApplication(graph, options);
  const found = application && (await readServicePrincipal(graph, application.appId));
  if (found !== undefined) return found;
  const what = application === undefined ? `no app registration named "${options.name}"` : 'no service principal of it';
  throw new CliError(exitCodes.notFound, `The directory has ${what}.`, { next: 'fleet entra setup' });
}

function roleOf({ appRoles }: ServicePrincipal, value: string): AppRole {
  const found = appRoles.find((role) => role.value === value && role.isEnabled);
  if (found !== undefined) return found;
  const known = appRoles.flatMap((role) => role.value ?? []).join(', ');
  throw usageError(
    `The registration has no app role "${value}". It has: ${known}.`,
    'Add one: fleet entra setup --role.',
  );
}

async function assigneeOf(graph: Graph, kind: Assignee['kind'], given: string): Promise<Assignee> {
  if (kind === 'application') refuseUnlessGuid(given);
  const found =
    kind === 'application'
      ? await graph.read<{ id: string }>('readServicePrincipal', { path: { appId: given } })
      : await graph.read<{ id: string }>(kind === 'group' ? 'readGroup' : 'readUser', { path: { id: given } });
  if (found !== undefined) return { kind, given, id: found.id };
  const hints = {
    person: 'Expected the sign-in name, such as ada@example.com, or the object id.',
    group: 'Expected the object id of a security group.',
    application: 'Expected the client id of an application or of a managed identity that has a service principal here.',
  };
  throw new CliError(exitCodes.notFound, `The directory has no ${kind} ${given}.`, { hint: hints[kind] });
}
