import { CliError, exitCodes, usageError } from '../../errors.ts';
import type { Terminal } from '../../terminal.ts';
import type { Graph, GraphCall } from './graph.ts';
import type { Application, AppRole } from './registration.ts';

/** Of the resource `servicePrincipal`, what we read. https://learn.microsoft.com/graph/api/resources/serviceprincipal */
export interface ServicePrincipal {
  readonly id: string;
  /** The directory of the registration. */
  readonly appOwnerOrganizationId: string;
  readonly displayName?: string;
  readonly appRoles: readonly AppRole[];
}

/** What names an app registration. */
export interface ApplicationName {
  readonly appId?: string | undefined;
  readonly name: string;
}

/** The client id of the option, or of the environment as `azd env get-values` gives it. */
export function withAppId<Options extends ApplicationName>(options: Options, env: Terminal['env']): Options {
  return { ...options, appId: options.appId ?? (env['ENTRA_CLIENT_ID'] || undefined) };
}

/**
 * Finds the app registration by its client id, or by its name.
 * @returns undefined when none has the name
 * @throws CliError when none has the client id, or more than one has the name
 */
export async function findApplication(
  graph: Graph,
  { appId, name }: ApplicationName,
): Promise<Application | undefined> {
  if (appId !== undefined) {
    refuseUnlessGuid(appId);
    const found = await graph.read<Application>('readApplication', { path: { appId } });
    if (found !== undefined) return found;
    throw new CliError(exitCodes.notFound, `The directory has no app registration with the client id ${appId}.`, {
      hint: 'Sign in to the directory that has it (az login --tenant ID), or leave out --app-id to make one.',
    });
  }
  // A quote in a name is doubled: https://learn.microsoft.com/graph/filter-query-parameter
  const $filter = `displayName eq '${name.replaceAll("'", "''")}'`;
  const found = await graph.list<Application>('listApplications', { query: { $filter } });
  if (found.length <= 1) return found[0];
  const ids = found.map((each) => each.appId).join(', ');
  throw usageError(`${found.length} app registrations have the name "${name}": ${ids}.`, 'Say which one: --app-id ID.');
}

/** @throws CliError unless the text is a GUID: it becomes a part of an address */
export function refuseUnlessGuid(clientId: string): void {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(clientId)) return;
  throw usageError(
    `"${clientId}" is not a client id.`,
    'Expected a GUID such as 6f0c7a52-3c1b-4f6e-9a52-0c5f2b7d1a01.',
  );
}

/** @returns undefined when the registration has none yet */
export function readServicePrincipal(graph: Graph, appId: string): Promise<ServicePrincipal | undefined> {
  return graph.read<ServicePrincipal>('readServicePrincipal', { path: { appId } });
}

/** The calls of a dry run, for people. */
export function callLines(calls: readonly GraphCall[]): string[] {
  return calls.flatMap(({ method, url, body, sent, documentation }) => [
    `${method} ${url}${sent ? '' : '  (not sent)'}`,
    ...(body === undefined ? [] : [`  ${JSON.stringify(body)}`]),
    `  ${documentation}`,
  ]);
}
