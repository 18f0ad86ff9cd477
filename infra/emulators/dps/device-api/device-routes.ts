import { z } from 'zod';
import { createRateLimiter } from '../../rate-limiter.ts';
import { idSyntax } from '../entries/parse-entry.ts';
import { apiVersionOf, throttled } from '../http/conventions.ts';
import type { Answer, Call, Route } from '../http/server.ts';
import { dpsError } from '../http/service-error.ts';
import type { Settings } from '../options.ts';
import type { Registrar } from '../registrations/registrar.ts';
import { type Registration, showRegistrationResult } from '../registrations/registration.ts';
import type { Attested } from './attestation.ts';

export interface DeviceRouteParts {
  /** Identifies the device by its shared access signature, or else by its TLS certificate. @throws ServiceError 401 */
  readonly attest: (call: Call, registrationId: string) => Attested;
  readonly registrar: Registrar;
  readonly settings: Pick<Settings, 'idScope' | 'quotas' | 'retryAfterSeconds' | 'now' | 'serviceHostName'>;
}

const bodySyntax = z.object({ registrationId: z.string().nullish(), payload: z.unknown().optional() });

const pollWindowSeconds = 10;

/** https://learn.microsoft.com/rest/api/iot-dps/device/runtime-registration */
export function deviceRoutes({ attest, registrar, settings }: DeviceRouteParts): Route[] {
  const { idScope, quotas, retryAfterSeconds, now } = settings;
  const registering = createRateLimiter({ limit: quotas.registrationsPerMinute, windowMs: 60_000, now });
  const polling = createRateLimiter({ limit: quotas.pollsPer10Seconds, windowMs: pollWindowSeconds * 1000, now });
  /** A device that waits this long between two polls stays within the polling quota. */
  const pollIntervalSeconds = Math.max(
    retryAfterSeconds,
    Math.ceil(pollWindowSeconds / Math.max(1, quotas.pollsPer10Seconds)),
  );

  function attested(call: Call): Attested {
    apiVersionOf(call);
    if (call.parameters['idScope']?.toLowerCase() !== idScope.toLowerCase()) {
      throw dpsError(404, 'There is no provisioning service with this id scope.');
    }
    const id = call.parameters['id'] ?? '';
    if (!idSyntax.test(id)) throw dpsError(400, 'The registration id has characters that DPS does not allow.');
    return attest(call, id);
  }

  function polled(call: Call): { device: Attested; registration: Registration | undefined } {
    const device = attested(call);
    const wait = polling.acquire(device.registrationId.toLowerCase());
    if (wait > 0) throw throttled(wait);
    return { device, registration: registrar.progress(device.registrationId) };
  }

  /** The headers of an unfinished answer. The location is that of the registration, also in the answer to a poll. */
  function acceptedHeaders(call: Call, registrationId: string, seconds: number): Record<string, string> {
    const host = call.header('host') ?? settings.serviceHostName;
    return {
      Location: `https://${host}/${idScope}/registrations/${encodeURIComponent(registrationId)}/register`,
      'retry-after': String(seconds),
    };
  }

  return [
    {
      method: 'PUT',
      path: '/{idScope}/registrations/{id}/register',
      handle(call) {
        const device = attested(call);
        const body = bodySyntax.safeParse(call.body ?? {});
        if (!body.success) throw dpsError(400, 'The body must be a JSON object with a registrationId.');
        const { registrationId, payload } = body.data;
        if (registrationId && registrationId.toLowerCase() !== device.registrationId.toLowerCase()) {
          throw dpsError(400, 'registrationId in the body differs from the one in the path.');
        }
        const wait = registering.acquire();
        if (wait > 0) throw throttled(wait);
        const registration = registrar.register({ ...device, payload });
        if (registration.status === 'disabled') return resultAnswer(registration, registration.operationId);
        // As in the service, the outcome is left to the poll, even if it is already known.
        return {
          status: 202,
          headers: acceptedHeaders(call, device.registrationId, retryAfterSeconds),
          body: { operationId: registration.operationId, status: 'assigning' },
        };
      },
    },
    {
      method: 'GET',
      path: '/{idScope}/registrations/{id}/operations/{operationId}',
      handle(call) {
        const { device, registration } = polled(call);
        const operationId = call.parameters['operationId'] ?? '';
        if (!registration || !isOperationOf(registration, operationId, now())) {
          throw dpsError(404, 'There is no such operation of this device.');
        }
        const answer = resultAnswer(registration, operationId);
        if (registration.status !== 'assigning') return answer;
        // The client of IoT Edge fails if an unfinished answer has no registrationState.
        return { ...answer, status: 202, headers: acceptedHeaders(call, device.registrationId, pollIntervalSeconds) };
      },
    },
    {
      method: 'POST',
      path: '/{idScope}/registrations/{id}',
      handle(call) {
        const { registration } = polled(call);
        if (!registration) throw dpsError(404, 'The device has not registered.', 404201);
        return { status: 200, body: showRegistrationResult(registration) };
      },
    },
  ];
}

/** An earlier operation of the device has the state of its last one. */
function isOperationOf(registration: Registration, operationId: string, now: Date): boolean {
  const earlier = registration.earlierOperations?.find((each) => each.operationId === operationId);
  return (
    operationId === registration.operationId ||
    (earlier !== undefined && Date.parse(earlier.validUntil) > now.getTime())
  );
}

function resultAnswer(registration: Registration, operationId: string): Answer {
  const { status } = registration;
  return { status: 200, body: { operationId, status, registrationState: showRegistrationResult(registration) } };
}
