/*
 * Compares the app registration of a deployment with what it needs. Makes no calls.
 */

/** Of the resource `application`, what we read and write. https://learn.microsoft.com/graph/api/resources/application */
export interface Application {
  readonly id: string;
  readonly appId: string;
  readonly displayName?: string;
  readonly identifierUris?: readonly string[];
  readonly appRoles?: readonly AppRole[];
  readonly groupMembershipClaims?: string | null;
  readonly api?: Api | null;
  readonly web?: Web | null;
}

export interface AppRole {
  readonly id: string;
  readonly value: string | null;
  readonly displayName: string;
  readonly description: string;
  readonly allowedMemberTypes: readonly string[];
  readonly isEnabled: boolean;
}

export interface Scope {
  readonly id: string;
  readonly value: string;
  readonly isEnabled: boolean;
}

interface Api {
  readonly requestedAccessTokenVersion?: number | null;
  readonly oauth2PermissionScopes?: readonly Scope[];
  readonly preAuthorizedApplications?: readonly {
    readonly appId: string;
    readonly delegatedPermissionIds: readonly string[];
  }[];
}

interface Web {
  readonly redirectUris?: readonly string[];
}

/** What the registration needs. */
export interface Wanted {
  /** The app roles, each with the id that it gets if the registration has none of its value. */
  readonly roles: readonly AppRole[];
  readonly scope: Scope;
  /** Clients that may ask for the scope without consent. */
  readonly clients: readonly string[];
  /** Addresses that people come back to from the sign-in. */
  readonly redirectUris: readonly string[];
  /** Ids of the security groups that are assigned are in tokens. */
  readonly groupClaims: boolean;
}

/** A change of the registration: the body of one PATCH. */
export type ApplicationChange = Partial<Omit<Application, 'id' | 'appId'>>;

/**
 * What the registration lacks, except for clients (`missingClients`). Nothing is removed: a role or scope has to be disabled before that,
 * and its assignments are deleted with it.
 * @returns undefined when it lacks nothing
 */
export function missingParts(present: Application, wanted: Wanted): ApplicationChange | undefined {
  const { appId, identifierUris = [], appRoles = [], api, web } = present;
  const change: { -readonly [Part in keyof ApplicationChange]: ApplicationChange[Part] } = {};
  const uri = `api://${appId}`;
  if (!identifierUris.includes(uri)) change.identifierUris = [...identifierUris, uri];

  const roles = mergedByValue(appRoles, wanted.roles);
  if (roles !== undefined) change.appRoles = roles;

  const scopes = mergedByValue(api?.oauth2PermissionScopes ?? [], [wanted.scope]);
  // The whole member is sent: it is not documented whether members of it that are left out stay.
  if (scopes !== undefined || api?.requestedAccessTokenVersion !== 2)
    change.api = {
      ...api,
      requestedAccessTokenVersion: 2,
      oauth2PermissionScopes: scopes ?? api?.oauth2PermissionScopes ?? [],
    };

  const redirectUris = web?.redirectUris ?? [];
  const furtherUris = wanted.redirectUris.filter((each) => !redirectUris.includes(each));
  if (furtherUris.length > 0) change.web = { ...web, redirectUris: [...redirectUris, ...furtherUris] };

  const { groupMembershipClaims: claims = null } = present;
  // Any other claim names at least as many groups.
  if (wanted.groupClaims && (claims === null || claims === 'None')) change.groupMembershipClaims = 'ApplicationGroup';
  return Object.keys(change).length > 0 ? change : undefined;
}

/**
 * The clients that the registration does not let ask for the scope. A change of its own: a scope has to be there before a client
 * can be given it (https://github.com/microsoftgraph/microsoft-graph-docs/issues/20177).
 * @param present with its scope
 * @returns undefined when none is missing
 */
export function missingClients(present: Application, { scope, clients }: Wanted): ApplicationChange | undefined {
  const { api } = present;
  const scopeId = api?.oauth2PermissionScopes?.find(({ value }) => value === scope.value)?.id ?? scope.id;
  const known = api?.preAuthorizedApplications ?? [];
  const missing = clients.filter(
    (client) => !known.some(({ appId, delegatedPermissionIds: ids }) => appId === client && ids.includes(scopeId)),
  );
  if (missing.length === 0) return undefined;
  const kept = known.filter(({ appId }) => !missing.includes(appId));
  const added = missing.map((appId) => {
    const before = known.find((each) => each.appId === appId)?.delegatedPermissionIds ?? [];
    return { appId, delegatedPermissionIds: [...before, scopeId] };
  });
  return { api: { ...api, preAuthorizedApplications: [...kept, ...added] } };
}

/**
 * A list with the items of another that it does not have, by their value. One that it has keeps its id, so that what was assigned by
 * it stays, and is enabled.
 * @returns undefined when it has all of them
 */
function mergedByValue<
  Item extends { readonly id: string; readonly value: string | null; readonly isEnabled: boolean },
>(present: readonly Item[], wanted: readonly Item[]): Item[] | undefined {
  const isWanted = ({ value }: Item) => wanted.some((each) => each.value === value);
  const added = wanted.filter(({ value }) => !present.some((each) => each.value === value));
  const isComplete = added.length === 0 && present.every((each) => each.isEnabled || !isWanted(each));
  if (isComplete) return undefined;
  return [...present.map((each) => (isWanted(each) ? { ...each, isEnabled: true } : each)), ...added];
}
