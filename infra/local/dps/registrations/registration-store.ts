import type { Entry } from '../entries/entry.ts';
import type { Page, PageRequest, Store } from '../store.ts';
import type { Registration } from './registration.ts';

export interface RegistrationStore {
  get(registrationId: string): Registration | undefined;
  put(registration: Registration): void;
  delete(registrationId: string): boolean;
  /** Those that came through the entry, oldest first. */
  pageOf(entry: Pick<Entry, 'kind' | 'id'>, request: PageRequest): Page<Registration>;
  deleteOf(entry: Pick<Entry, 'kind' | 'id'>): void;
}

export function createRegistrationStore(store: Store): RegistrationStore {
  const registrations = store.collection<Registration>('registration');
  const parentOf = ({ kind, id }: Pick<Entry, 'kind' | 'id'>) => `${kind}:${id.toLowerCase()}`;
  return {
    get: (registrationId) => registrations.get(registrationId.toLowerCase()),
    put(registration) {
      registrations.put(registration.registrationId.toLowerCase(), registration, parentOf(registration.entry));
    },
    delete: (registrationId) => registrations.delete(registrationId.toLowerCase()),
    pageOf: (entry, request) => registrations.page({ ...request, parent: parentOf(entry) }),
    deleteOf: (entry) => registrations.deleteChildren(parentOf(entry)),
  };
}
