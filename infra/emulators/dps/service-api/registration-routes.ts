import type { Guard } from '../authorization.ts';
import type { EntryStore } from '../entries/entry-store.ts';
import { pageHeaders, pageRequestOf } from '../http/conventions.ts';
import type { Route } from '../http/server.ts';
import { dpsError } from '../http/service-error.ts';
import { etagMatches, preconditionFailed } from '../record-metadata.ts';
import { type Registration, type RegistrationStore, showRegistrationState } from '../registrations/registration.ts';
import { notFound } from './entry-writer.ts';

export interface RegistrationRouteParts {
  readonly entries: EntryStore;
  readonly registrations: RegistrationStore;
  readonly guard: Guard;
}

/** Device registration states: https://learn.microsoft.com/rest/api/iot-dps/service/device-registration-state */
export function registrationRoutes({ entries, registrations, guard }: RegistrationRouteParts): Route[] {
  const existing = (id = ''): Registration => {
    const registration = registrations.get(id);
    if (!registration) throw dpsError(404, `Registration "${id}" not found.`, 404201);
    return registration;
  };

  return [
    {
      method: 'POST',
      path: '/registrations/{groupId}/query',
      handle: guard('RegistrationStatusRead', (call, apiVersion) => {
        const groupId = call.parameters['groupId'] ?? '';
        const group = entries.get('group', groupId);
        if (!group) throw notFound('group', groupId);
        const query = `/registrations/${groupId.toLowerCase()}`;
        const request = pageRequestOf(call, query, (message) => dpsError(400, message));
        const page = registrations.pageOf(group, request);
        return {
          status: 200,
          headers: pageHeaders(page, 'DeviceRegistration', request),
          body: page.values.map((registration) => showRegistrationState(registration, apiVersion)),
        };
      }),
    },
    {
      method: 'GET',
      path: '/registrations/{id}',
      handle: guard('RegistrationStatusRead', (call, apiVersion) => ({
        status: 200,
        body: showRegistrationState(existing(call.parameters['id']), apiVersion),
      })),
    },
    {
      method: 'DELETE',
      path: '/registrations/{id}',
      handle: guard('RegistrationStatusWrite', (call) => {
        const registration = existing(call.parameters['id']);
        const ifMatch = call.header('if-match');
        if (ifMatch !== undefined && !etagMatches(ifMatch, registration.etag)) throw preconditionFailed();
        registrations.delete(registration.registrationId);
        return { status: 204 };
      }),
    },
  ];
}
