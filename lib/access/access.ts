import { FleetError } from '../errors.ts';
import { parsePrincipal, type Role, roles } from './principal.ts';

/** The lowest role that may call each operation. Operations are named after their functions; higher roles include lower ones. */
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
  // A group decides which devices are trusted and where they go. A bundle may contain a private key.
  'put-enrollment-group': 'operator',
  'roll-over-enrollment-group': 'operator',
  'get-device-bundle': 'operator',
  // A dead letter shows the message as it was sent.
  'list-dead-letters': 'operator',
  'redrive-dead-letters': 'operator',
} as const satisfies Record<string, Role>;

export type Operation = keyof typeof requiredRole;

/** The caller of a request, as recorded in the history of a device. */
export interface Caller {
  readonly name: string;
  /** Object id in the directory; absent when the caller used a function key. */
  readonly id?: string;
}

/**
 * Decides whether a request may call an operation.
 * @param principalHeader the request's header `x-ms-client-principal`
 * @throws FleetError `unauthorized` when no user is signed in, `forbidden` when the role is missing
 */
export type Access = (operation: Operation, principalHeader: string | null | undefined) => Caller;

/**
 * @param mode `keys`: the host has checked the function key before this code runs, and the header is ignored.
 * `entra`: the signed-in principal needs the role of the operation.
 */
export function createAccess(mode: 'keys' | 'entra'): Access {
  if (mode === 'keys') return () => ({ name: 'function key' });
  return (operation, principalHeader) => {
    const principal = parsePrincipal(principalHeader);
    if (principal === undefined) throw new FleetError('unauthorized', 'No user is signed in.');
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
