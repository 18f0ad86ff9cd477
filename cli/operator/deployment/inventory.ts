import type { ResourceManager } from '../resource-manager.ts';

/** A resource of the group, as the list of the group has it. */
export interface Resource {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** A role of a principal on a resource, or on what is above or below it. */
export interface RoleAssignment {
  readonly principalId: string;
  /** The last part of the id of the role definition. */
  readonly role: string;
  readonly scope: string;
  /** UTC. Absent where the service does not say. */
  readonly createdOn?: string;
}

/** What `fleet doctor --deployment` looks at: the resources of one resource group, and who may do what in it. */
export interface Inventory {
  readonly manager: ResourceManager;
  /** Resource id of the group. */
  readonly group: string;
  readonly subscription: string;
  readonly resources: readonly Resource[];
  readonly assignments: readonly RoleAssignment[];
  /** @param type such as `Microsoft.Web/sites`; its case does not count */
  ofType(type: string): readonly Resource[];
}

const groupId = /^(\/subscriptions\/[0-9a-f-]{36})\/resourceGroups\/[^/]{1,90}$/i;

/** @throws Error for another text; as `ResourceManager` */
export async function readInventory(manager: ResourceManager, group: string): Promise<Inventory> {
  const subscription = groupId.exec(group)?.[1];
  if (subscription === undefined) {
    throw new Error(
      'This is not the resource id of a resource group. Expected /subscriptions/<id>/resourceGroups/<name>.',
    );
  }
  const resources = await manager.list<Resource>(`${group}/resources`, '2021-04-01');
  // Without a filter the list has what is assigned above the group, on it, and on every resource in it.
  // https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
  const assigned = await manager.list<{
    properties: Omit<RoleAssignment, 'role'> & { readonly roleDefinitionId: string };
  }>(`${group}/providers/Microsoft.Authorization/roleAssignments`, '2022-04-01');
  return {
    manager,
    group,
    subscription,
    resources,
    assignments: assigned.map(({ properties: { roleDefinitionId, ...rest } }) => ({
      ...rest,
      role: lastOf(roleDefinitionId),
    })),
    ofType: (type) => resources.filter((each) => each.type.toLowerCase() === type.toLowerCase()),
  };
}

/** The roles that a principal has on a resource, there or above it. */
export function rolesOn(
  { assignments }: Pick<Inventory, 'assignments'>,
  principalId: string,
  resource: string,
): RoleAssignment[] {
  const id = `${resource.toLowerCase()}/`;
  return assignments.filter((each) => {
    const scope = each.scope.toLowerCase().replace(/\/$/, '');
    return each.principalId.toLowerCase() === principalId.toLowerCase() && id.startsWith(`${scope}/`);
  });
}

/** The identity of a resource, as Azure Resource Manager answers it. */
export interface ResourceIdentity {
  /** Of the system-assigned identity. */
  readonly principalId?: string;
  /** By resource id. */
  readonly userAssignedIdentities?: Readonly<Record<string, { readonly principalId?: string }>>;
}

/** Object ids of all identities of a resource. */
export function principalsOf({ principalId, userAssignedIdentities = {} }: ResourceIdentity = {}): string[] {
  const given = [principalId, ...Object.values(userAssignedIdentities).map((each) => each.principalId)];
  return given.filter((each) => each !== undefined);
}

/** The last part of a resource id. */
export function lastOf(id: string): string {
  return id.split('/').at(-1) ?? '';
}
