import { FleetError } from '../errors.ts';
import { parsePrincipal, type Role, roles } from './principal.ts';

/** The least role for each operation; operations are named as their functions. A role may do what lesser roles may. */
export const requiredRole = {
  health: 'reader',
  'list-jobs': 'reader',
  'get-job': 'reader',
  'get-job-errors': 'reader',
  'get-job-results': 'reader',
  'list-devices': 'reader',
  'get-device': 'reader',
  'list-enrollment-groups': 'reader',
  'get-enrollment-group': 'reader',
  'submit-job': 'submitter',
  'cancel-job': 'submitter',
  'retry-job': 'submitter',
  // A group says who is trusted and where devices go; a bundle may hold a private key.
  'put-enrollment-group': 'operator',
  'roll-over-enrollment-group': 'operator',
  'get-device-bundle': 'operator',
  // A dead letter shows a message as it came, whoever sent it.
  'list-dead-letters': 'operator',
  'redrive-dead-letters': 'operator',
} as const satisfies Record<string, Role>;

export type Operation = keyof typeof requiredRole;

/** Who made a request, as it stands in a device's history. */
export interface Caller {
  readonly name: string;
  /** Object id in the directory; absent for the holder of a function key. */
  readonly id?: string;
}

/** Decides on a request by its header `x-ms-client-principal`. */
export type Access = (operation: Operation, principalHeader: string | null | undefined) => Caller;

/**
 * `keys`: the host has checked the function key before any of our code ran, and the header is not looked at.
 * `entra`: the principal needs the operation's role.
 * The answer throws FleetError `unauthorized` when nobody is signed in, `forbidden` when the role is missing.
 */
export function createAccess(mode: 'keys' | 'entra'): Access {
  if (mode === 'keys') return () => ({ name: 'function key' });
  return (operation, principalHeader) => {
    const principal = parsePrincipal(principalHeader);
    if (principal === undefined) throw new FleetError('unauthorized', 'Nobody is signed in.');
    const required = requiredRole[operation];
    const enough = roles.slice(roles.indexOf(required));
    if (!principal.roles.some((role) => enough.includes(role))) {
      const has = principal.roles.length === 0 ? 'has no app role' : `is ${principal.roles.join(' and ')}`;
      throw new FleetError('forbidden', `${operation} takes the app role "${required}"; ${principal.name} ${has}.`, {
        expected: required,
      });
    }
    return { name: principal.name, id: principal.id };
  };
}
