import appRoles from '../../../infra/azure/app-roles.json' with { type: 'json' };
import appScopes from '../../../infra/azure/app-scopes.json' with { type: 'json' };
import type { Context } from '../../context.ts';
import { usageError } from '../../errors.ts';
import { createGraph, type Graph } from './graph.ts';
import { type Application, type AppRole, missingClients, missingParts, type Wanted } from './registration.ts';
import { callLines, findApplication, readServicePrincipal, type ServicePrincipal, withAppId } from './tenant.ts';

export interface SetupOptions {
  readonly name: string;
  readonly appId?: string | undefined;
  readonly redirect?: readonly string[] | undefined;
  readonly identity?: string | undefined;
  readonly role?: readonly string[] | undefined;
  readonly client?: readonly string[] | undefined;
  readonly groupClaims?: true | undefined;
  readonly tenant?: string | undefined;
  readonly graph: string;
  readonly dryRun?: true | undefined;
}

/**
 * The public client with which the Azure CLI, the Azure Developer CLI and the device code of `fleet` ask for tokens: the default of
 * `@azure/identity` (DeveloperSignOnClientId).
 */
const azureCliClient = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';

/** Where App Service takes people back from the sign-in. */
const callbackPath = '/.auth/login/aad/callback';

/** Creates the app registration of a deployment, or adds what it lacks. Changes nothing that it has. */
export async function setUpEntra(context: Context, options: SetupOptions): Promise<undefined> {
  const { output, terminal } = context;
  const wanted = wantedOf(options, terminal.newId);
  const graph = createGraph({ ...options, url: options.graph, dryRun: options.dryRun === true }, terminal);
  const application = await registered(
    graph,
    await findApplication(graph, withAppId(options, terminal.env)),
    options.name,
    wanted,
  );
  const principal = await principalOf(graph, application);
  if (options.identity !== undefined) await trustIdentity(graph, application, principal, options.identity);

  const changes = graph.calls.filter(({ method }) => method !== 'GET');
  const result = { appId: application.appId, objectId: application.id, servicePrincipalId: principal.id };
  await output.one({ ...result, dryRun: options.dryRun === true, calls: graph.calls }, () => [
    ...(options.dryRun ? callLines(graph.calls) : changes.map(({ method, url }) => `done  ${method} ${url}`)),
    changes.length === 0 ? 'The registration has everything. Nothing was changed.' : `${changes.length} changes`,
    ['client id', application.appId],
    ['service principal', principal.id],
  ]);
  if (!options.dryRun) context.say(`next: azd env set ENTRA_CLIENT_ID ${application.appId} && azd provision`);
  return undefined;
}

/** The registration, with what was missing. */
async function registered(
  graph: Graph,
  found: Application | undefined,
  name: string,
  wanted: Wanted,
): Promise<Application> {
  let application =
    found ??
    (await graph.write<Application>(
      'createApplication',
      { body: { displayName: name, signInAudience: 'AzureADMyOrg' } },
      { id: '{object id}', appId: '{client id}' },
    ));
  for (const missing of [missingParts, missingClients]) {
    const body = missing(application, wanted);
    if (body === undefined) continue;
    await graph.write('updateApplication', { path: { id: application.id }, body }, {});
    application = { ...application, ...body };
  }
  return application;
}

async function principalOf(graph: Graph, { appId }: Application): Promise<ServicePrincipal> {
  const found = await readServicePrincipal(graph, appId);
  if (found !== undefined) return found;
  const preview: ServicePrincipal = {
    id: '{service principal id}',
    appOwnerOrganizationId: '{tenant id}',
    appRoles: [],
  };
  return graph.write<ServicePrincipal>('createServicePrincipal', { body: { appId } }, preview);
}

interface Credential {
  readonly id: string;
  readonly name: string;
  readonly issuer: string;
  readonly subject: string;
}

const credentialName = 'app-identity';

/**
 * Makes the identity of the app take the place of a client secret.
 * https://learn.microsoft.com/azure/app-service/configure-authentication-provider-aad#use-a-managed-identity-instead-of-a-secret-preview
 */
async function trustIdentity(
  graph: Graph,
  { id }: Application,
  { appOwnerOrganizationId: tenant }: ServicePrincipal,
  subject: string,
): Promise<void> {
  const issuer = `https://login.microsoftonline.com/${tenant}/v2.0`;
  const present = await graph.list<Credential>('listCredentials', { path: { id } });
  if (present.some((each) => each.issuer === issuer && each.subject === subject)) return;
  const credential = { issuer, subject, audiences: ['api://AzureADTokenExchange'] };
  const named = present.find(({ name }) => name === credentialName);
  // The identity was deleted and created again: it has another object id.
  if (named !== undefined)
    await graph.write('updateCredential', { path: { id, credentialId: named.id }, body: credential }, {});
  else await graph.write('createCredential', { path: { id }, body: { name: credentialName, ...credential } }, {});
}

function wantedOf(options: SetupOptions, newId: () => string): Wanted {
  const { redirect = [], role: further = [], client = [], groupClaims = false } = options;
  const [scope] = appScopes;
  if (scope === undefined) throw new Error('infra/azure/app-scopes.json has no scope.');
  return {
    roles: [...appRoles, ...further.map((value) => limitedRole(value, newId))],
    scope,
    clients: [azureCliClient, ...client],
    redirectUris: redirect.map(callbackOf),
    groupClaims,
  };
}

/** A role of GROUP_ROLES, which gives rights in some enrollment groups. */
function limitedRole(value: string, newId: () => string): AppRole {
  if (!/^[\w.-]{1,120}$/.test(value)) {
    throw usageError(
      `"${value}" is not the value of an app role.`,
      'Expected 1 to 120 of A-Z, a-z, 0-9, "_", "." and "-".',
    );
  }
  const description = 'Has the rights that GROUP_ROLES of the deployment gives it.';
  const allowedMemberTypes = ['User', 'Application'];
  return { id: newId(), value, displayName: value, description, allowedMemberTypes, isEnabled: true };
}

function callbackOf(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol === 'https:' && url.pathname === '/' && url.search === '') return `${url.origin}${callbackPath}`;
  throw usageError(`"${text}" is not the address of the app.`, 'Expected a URL such as https://APP.azurewebsites.net');
}
