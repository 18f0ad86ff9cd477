/*
 * The operations of Microsoft Graph that `fleet entra` calls, each with its page of the documentation.
 */

export interface GraphOperation {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** Below /v1.0. `{name}` is filled in. */
  readonly path: string;
  readonly documentation: `https://learn.microsoft.com/graph/api/${string}`;
}

export const graphOperations = {
  listApplications: {
    method: 'GET',
    path: '/applications',
    documentation: 'https://learn.microsoft.com/graph/api/application-list',
  },
  readApplication: {
    method: 'GET',
    path: "/applications(appId='{appId}')",
    documentation: 'https://learn.microsoft.com/graph/api/application-get',
  },
  createApplication: {
    method: 'POST',
    path: '/applications',
    documentation: 'https://learn.microsoft.com/graph/api/application-post-applications',
  },
  updateApplication: {
    method: 'PATCH',
    path: '/applications/{id}',
    documentation: 'https://learn.microsoft.com/graph/api/application-update',
  },
  listCredentials: {
    method: 'GET',
    path: '/applications/{id}/federatedIdentityCredentials',
    documentation: 'https://learn.microsoft.com/graph/api/application-list-federatedidentitycredentials',
  },
  createCredential: {
    method: 'POST',
    path: '/applications/{id}/federatedIdentityCredentials',
    documentation: 'https://learn.microsoft.com/graph/api/application-post-federatedidentitycredentials',
  },
  updateCredential: {
    method: 'PATCH',
    path: '/applications/{id}/federatedIdentityCredentials/{credentialId}',
    documentation: 'https://learn.microsoft.com/graph/api/federatedidentitycredential-update',
  },
  readServicePrincipal: {
    method: 'GET',
    path: "/servicePrincipals(appId='{appId}')",
    documentation: 'https://learn.microsoft.com/graph/api/serviceprincipal-get',
  },
  createServicePrincipal: {
    method: 'POST',
    path: '/servicePrincipals',
    documentation: 'https://learn.microsoft.com/graph/api/serviceprincipal-post-serviceprincipals',
  },
  listAssignments: {
    method: 'GET',
    path: '/servicePrincipals/{id}/appRoleAssignedTo',
    documentation: 'https://learn.microsoft.com/graph/api/serviceprincipal-list-approleassignedto',
  },
  createAssignment: {
    method: 'POST',
    path: '/servicePrincipals/{id}/appRoleAssignedTo',
    documentation: 'https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignedto',
  },
  readUser: { method: 'GET', path: '/users/{id}', documentation: 'https://learn.microsoft.com/graph/api/user-get' },
  readGroup: { method: 'GET', path: '/groups/{id}', documentation: 'https://learn.microsoft.com/graph/api/group-get' },
} as const satisfies Readonly<Record<string, GraphOperation>>;

export type GraphOperationName = keyof typeof graphOperations;
