import { FleetError } from '../errors.ts';
import { parsePrincipal, type Role, roles } from './principal.ts';

/** What decides who may call an operation. functions/http/operations.ts has them all. */
export interface Guarded {
  /** The name of the operation and of its function. */
  readonly id: string;
  /** The lowest role that may call it; higher roles include lower ones. */
  readonly role: Role;
  /**
   * True when a caller may use it whose role is limited to enrollment groups. It then reaches jobs, devices and groups only
   * through lib/pipeline/limit-to-groups.ts. Every other operation shows or changes things of all groups.
   */
  readonly perGroup: boolean;
}

/** The given role and all lower ones, lowest first. */
export function rolesUpTo(role: Role): readonly Role[] {
  return roles.slice(0, roles.indexOf(role) + 1);
}

/** A role that is limited to enrollment groups. */
export interface GroupRole {
  readonly role: Role;
  readonly enrollmentGroups: readonly string[];
}

/** The setting GROUP_ROLES. The key is the value of an app role, or the object id of a security group, user or application. */
export type GroupRoles = ReadonlyMap<string, GroupRole>;

/** The caller of a request, as recorded in the history of a device. */
export interface Caller {
  readonly name: string;
  /** Object id in the directory; absent when the caller used a function key. */
  readonly id?: string;
  /** The role that let the caller in: the lowest that suffices. Absent with a function key. */
  readonly role?: Role;
  /** The enrollment groups for which the caller has the role of the operation. Absent: all of them. */
  readonly enrollmentGroups?: readonly string[];
}

/**
 * Decides whether a request may call an operation.
 * @param principalHeader the request's header `x-ms-client-principal`
 * @throws FleetError `unauthorized` when no user is signed in, `forbidden` when the role is missing
 */
export type Access = (operation: Guarded, principalHeader: string | null | undefined) => Caller;

/**
 * @param mode `keys`: the host has checked the function key before this code runs, and the header is ignored.
 * `entra`: the signed-in principal needs the role of the operation, for all enrollment groups or for some.
 * @param groupRoles the roles that are limited to enrollment groups. They only add to what the app roles of a principal allow.
 */
export function createAccess(mode: 'keys' | 'entra', groupRoles: GroupRoles = new Map()): Access {
  if (mode === 'keys') return () => ({ name: 'function key' });
  return (guarded, principalHeader) => {
    const principal = parsePrincipal(principalHeader);
    if (principal === undefined) throw new FleetError('unauthorized', 'No user is signed in.');
    const { id, name } = principal;
    const { id: operation, role: required, perGroup } = guarded;
    const enough: readonly Role[] = roles.slice(roles.indexOf(required));
    const role = enough.find((each) => principal.roles.includes(each));
    if (role !== undefined) return { name, id, role };

    const limited = principal.mappable.flatMap((key) => groupRoles.get(key) ?? []);
    const sufficient = limited.filter(({ role }) => enough.includes(role));
    const enrollmentGroups = [...new Set(sufficient.flatMap((each) => each.enrollmentGroups))];
    const limitedRole = enough.find((each) => sufficient.some(({ role: given }) => given === each));
    if (limitedRole !== undefined && enrollmentGroups.length > 0 && perGroup)
      return { name, id, role: limitedRole, enrollmentGroups };

    const has = principal.roles.length === 0 ? 'has no app role' : `is ${principal.roles.join(' and ')}`;
    const limit = limited.length === 0 ? '' : ' for all enrollment groups';
    throw new FleetError('forbidden', `${operation} takes the app role "${required}"; ${name} ${has}${limit}.`, {
      expected: required,
    });
  };
}
