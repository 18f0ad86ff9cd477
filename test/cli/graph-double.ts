import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type GraphOperationName, graphOperations } from '../../cli/operator/entra/graph-operations.ts';

/*
 * A double of the operations of Microsoft Graph that `fleet entra` calls, written by hand from their pages
 * (cli/operator/entra/graph-operations.ts) and from reports of how they refuse. It has one directory, in memory.
 */

interface Item {
  readonly id: string;
  readonly [member: string]: unknown;
}

interface Application extends Item {
  readonly appId: string;
  readonly api: {
    readonly oauth2PermissionScopes: readonly Item[];
    readonly preAuthorizedApplications: readonly Item[];
  };
  readonly appRoles: readonly Item[];
}

/** A request that the double has answered. */
export interface SeenCall {
  readonly operation: GraphOperationName;
  readonly body?: Record<string, unknown>;
  readonly status: number;
}

export interface GraphDouble extends AsyncDisposable {
  readonly url: string;
  readonly seen: SeenCall[];
  readonly applications: Map<string, Application>;
  readonly servicePrincipals: Map<string, Item>;
  readonly assignments: Item[];
  readonly credentials: Map<string, Item[]>;
  /** Calls of an operation that are answered so, before it works. */
  readonly refusals: Map<GraphOperationName, { readonly status: number; readonly message: string; times: number }>;
}

export interface Directory {
  readonly users?: Readonly<Record<string, string>>;
  readonly groups?: readonly string[];
  /** Items per page of a list. */
  readonly pageSize?: number;
}

export const tenantId = '11111111-1111-4111-8111-111111111111';

class GraphRefusal extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const notFound = (id: string) =>
  new GraphRefusal(
    404,
    'Request_ResourceNotFound',
    `Resource '${id}' does not exist or one of its queried reference-property objects are not present.`,
  );
const badRequest = (message: string) => new GraphRefusal(400, 'Request_BadRequest', message);

/** Starts the double on a free port of 127.0.0.1. */
export async function startGraphDouble({
  users = {},
  groups = [],
  pageSize = 100,
}: Directory = {}): Promise<GraphDouble> {
  let ids = 0;
  const newId = () => `00000000-0000-4000-9000-${String(++ids).padStart(12, '0')}`;
  const applications = new Map<string, Application>();
  const servicePrincipals = new Map<string, Item>();
  const assignments: Item[] = [];
  const credentials = new Map<string, Item[]>();
  const seen: SeenCall[] = [];
  const refusals: GraphDouble['refusals'] = new Map();

  type Handler = (
    place: Readonly<Record<string, string>>,
    body: Record<string, unknown>,
    query: URLSearchParams,
  ) => unknown;
  const found = <T>(value: T | undefined, id: string): T => {
    if (value === undefined) throw notFound(id);
    return value;
  };
  const applicationOf = (id = '') => found(applications.get(id), id);
  const withAppId = <T extends Item>(all: Map<string, T>, appId = '') =>
    found(
      [...all.values()].find((each) => each['appId'] === appId),
      appId,
    );

  const handlers: Readonly<Record<GraphOperationName, Handler>> = {
    listApplications: (_place, _body, query) => {
      const [, name = ''] = /^displayName eq '(.*)'$/.exec(query.get('$filter') ?? '') ?? [];
      return [...applications.values()].filter((each) => each['displayName'] === name.replaceAll("''", "'"));
    },
    readApplication: ({ appId }) => withAppId(applications, appId),
    createApplication: (_place, body) => {
      const id = newId();
      const application = {
        ...{
          id,
          appId: newId(),
          identifierUris: [],
          appRoles: [],
          groupMembershipClaims: null,
          web: { redirectUris: [] },
        },
        api: { requestedAccessTokenVersion: null, oauth2PermissionScopes: [], preAuthorizedApplications: [] },
        ...body,
      };
      applications.set(id, application);
      return application;
    },
    updateApplication: ({ id }, body) => {
      const before = applicationOf(id);
      refuseLostRoles(before.appRoles, body['appRoles'] as Item[] | undefined);
      const api = body['api'] as Application['api'] | undefined;
      refuseLostRoles(before.api.oauth2PermissionScopes, api?.oauth2PermissionScopes);
      // A scope of the same request does not count: https://github.com/microsoftgraph/microsoft-graph-docs/issues/20177
      const known = before.api.oauth2PermissionScopes.map((scope) => scope.id);
      for (const { delegatedPermissionIds } of api?.preAuthorizedApplications ?? []) {
        const unknown = (delegatedPermissionIds as string[]).find((each) => !known.includes(each));
        if (unknown !== undefined)
          throw badRequest(
            'Property api.preAuthorizedApplications.delegatedPermissionIds has a Permission Id that cannot be found in the AppPermissions sets.',
          );
      }
      applications.set(before.id, { ...before, ...body });
      return undefined;
    },
    listCredentials: ({ id = '' }) => credentials.get(applicationOf(id).id) ?? [],
    createCredential: ({ id = '' }, body) => {
      const all = credentials.get(applicationOf(id).id) ?? [];
      if (all.some((each) => each['name'] === body['name'] || each['subject'] === body['subject']))
        throw new GraphRefusal(
          409,
          'Request_MultipleObjectsWithSameKeyValue',
          'FederatedIdentityCredential with name already exists.',
        );
      const credential = { id: newId(), ...body };
      credentials.set(id, [...all, credential]);
      return credential;
    },
    updateCredential: ({ id = '', credentialId = '' }, body) => {
      const all = credentials.get(applicationOf(id).id) ?? [];
      found(
        all.find((each) => each.id === credentialId),
        credentialId,
      );
      credentials.set(
        id,
        all.map((each) => (each.id === credentialId ? { ...each, ...body } : each)),
      );
      return undefined;
    },
    readServicePrincipal: ({ appId }) => {
      const principal = withAppId(servicePrincipals, appId);
      const application = [...applications.values()].find((each) => each.appId === appId);
      return { ...principal, appRoles: application?.appRoles ?? [] };
    },
    createServicePrincipal: (_place, { appId }) => {
      withAppId(applications, String(appId));
      const id = newId();
      const principal = { id, appId, appOwnerOrganizationId: tenantId };
      servicePrincipals.set(id, principal);
      return { ...principal, appRoles: [] };
    },
    listAssignments: ({ id }) => assignments.filter((each) => each['resourceId'] === id),
    createAssignment: ({ id = '' }, body) => {
      found(servicePrincipals.get(id), id);
      const isSame = (each: Item) =>
        each['principalId'] === body['principalId'] && each['appRoleId'] === body['appRoleId'];
      if (assignments.some(isSame)) throw badRequest('Permission being assigned already exists on the object');
      const assignment = { id: newId(), ...body };
      assignments.push(assignment);
      return assignment;
    },
    readUser: ({ id = '' }) => ({ id: found(users[id] ?? Object.values(users).find((each) => each === id), id) }),
    readGroup: ({ id = '' }) => ({
      id: found(
        groups.find((each) => each === id),
        id,
      ),
    }),
  };

  async function answer(request: IncomingMessage): Promise<{ status: number; body?: unknown }> {
    const url = new URL(request.url ?? '/', `http://${request.headers.host}`);
    const { name, place } = operationOf(request.method, url.pathname);
    const raw = await text(request);
    const body = raw === '' ? {} : (JSON.parse(raw) as Record<string, unknown>);
    const note = (status: number) => seen.push({ operation: name, ...(raw !== '' && { body }), status });
    try {
      if (request.headers.authorization !== 'Bearer local')
        throw new GraphRefusal(401, 'InvalidAuthenticationToken', 'No token.');
      const refusal = refusals.get(name);
      if (refusal !== undefined && refusal.times > 0) {
        refusal.times -= 1;
        throw new GraphRefusal(refusal.status, 'Refused', refusal.message);
      }
      const result = handlers[name](place, body, url.searchParams);
      const status = result === undefined ? 204 : graphOperations[name].method === 'POST' ? 201 : 200;
      note(status);
      if (!Array.isArray(result)) return { status, body: result };
      const from = Number(url.searchParams.get('$skiptoken') ?? 0);
      const value = result.slice(from, from + pageSize);
      url.searchParams.set('$skiptoken', String(from + pageSize));
      return { status, body: { value, ...(from + pageSize < result.length && { '@odata.nextLink': url.href }) } };
    } catch (error) {
      if (!(error instanceof GraphRefusal)) throw error;
      note(error.status);
      return { status: error.status, body: { error: { code: error.code, message: error.message } } };
    }
  }

  const server = createServer((request, response) => {
    answer(request).then(
      ({ status, body }) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(body && JSON.stringify(body)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ seen, applications, servicePrincipals, assignments, credentials, refusals },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A role or scope that is enabled cannot be taken away: https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/1888 */
function refuseLostRoles(before: readonly Item[], after: readonly Item[] | undefined): void {
  if (after === undefined) return;
  const ids = after.map(({ id }) => id);
  if (before.some(({ id, isEnabled }) => isEnabled === true && !ids.includes(id)))
    throw badRequest('Permission (scope or role) cannot be deleted or updated unless disabled first.');
  if (new Set(ids).size < ids.length) throw badRequest('Permission ids have to be unique.');
}

function operationOf(method = '', path: string): { name: GraphOperationName; place: Record<string, string> } {
  for (const [name, operation] of Object.entries(graphOperations)) {
    const names = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, each = '']) => each);
    const pattern = operation.path.replaceAll(/[()]/g, '\\$&').replaceAll(/\{\w+\}/g, "([^/']+)");
    const match = operation.method === method ? new RegExp(`^/v1\\.0${pattern}$`).exec(path) : null;
    if (match === null) continue;
    const place = Object.fromEntries(names.map((each, index) => [each, decodeURIComponent(match[index + 1] ?? '')]));
    return { name: name as GraphOperationName, place };
  }
  throw new Error(`The double has no operation for ${method} ${path}.`);
}
