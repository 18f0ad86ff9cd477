import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createRateLimiter } from '../rate-limiter.ts';
import { createGuard, createServiceAuthorization, isAcceptedBearer } from './authorization.ts';
import { createSymmetricKeyAttestation, createX509Attestation } from './device-api/attestation.ts';
import { deviceRoutes } from './device-api/device-routes.ts';
import { createEntryStore } from './entries/entry-store.ts';
import { createEntryParser } from './entries/parse-entry.ts';
import { createDpsErrorRenderer } from './http/conventions.ts';
import { type Api, type Call, createHttpsServer } from './http/server.ts';
import { createHubs } from './hub/hub-api.ts';
import { isHubPath } from './hub/hub-error.ts';
import { createCaCertificates } from './management-api/ca-certificates.ts';
import { certificateRoutes } from './management-api/certificate-routes.ts';
import { armError, renderManagementError, serviceRoutes } from './management-api/resource.ts';
import { type DpsEmulatorOptions, type Settings, settingsOf } from './options.ts';
import { createRegistrar } from './registrations/registrar.ts';
import { createRegistrationStore } from './registrations/registration.ts';
import { entryRoutes } from './service-api/entry-routes.ts';
import { createEntryWriter } from './service-api/entry-writer.ts';
import { registrationRoutes } from './service-api/registration-routes.ts';
import { createStore } from './store.ts';

export {
  type DpsEmulatorOptions,
  documentedHubLimits,
  documentedQuotas,
  type LinkedHub,
  type Quotas,
  wellKnownKey,
} from './options.ts';

/** The "message size" of https://learn.microsoft.com/azure/iot-dps/about-iot-dps#quotas-and-limits. */
const dpsMessageBytes = 96 * 1024;

/** All quotas are of a minute at most, so a throttled client waits no longer than that. */
const longestThrottleSeconds = 60;

export interface DpsEmulator {
  readonly settings: Settings;
  /** @param port 0 takes a free one @param host default 127.0.0.1 */
  listen(port: number, host?: string): Promise<{ port: number }>;
  /** Answers the requests in progress and closes the file. The next process resumes assignments that wait for a webhook. */
  close(): Promise<void>;
}

/**
 * Creates an emulator of the Device Provisioning Service and its linked IoT hubs on one HTTPS port: service API, device API, the
 * certificate part of the management API, and the hubs' identity registry and twins.
 *
 * @example const emulator = createDpsEmulator({ tls: await ensureLocalTls({ directory }) }); await emulator.listen(8443);
 */
export function createDpsEmulator(options: DpsEmulatorOptions): DpsEmulator {
  const settings = settingsOf(options);
  const { idScope, now, random, bearerTokens, quotas } = settings;
  const newId = () => {
    const hex = random(16).toString('hex');
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  };

  const store = createStore({ path: settings.dataFile });
  const entries = createEntryStore(store);
  const registrations = createRegistrationStore(store);
  const cas = createCaCertificates(store);
  const hubs = createHubs({ store, newId, settings });
  const registrar = createRegistrar({ store, entries, registrations, registry: hubs.registry, settings });

  const renderDpsError = createDpsErrorRenderer({ now, newId });

  const operations = createRateLimiter({ limit: quotas.operationsPerMinute, windowMs: 60_000, now });
  const guard = createGuard({ authorize: createServiceAuthorization(settings), operations });
  const parser = createEntryParser(settings);
  const writer = createEntryWriter({ store, entries, registrations, caNames: cas, parser, settings });
  const entryParts = { entries, registrations, parser, writer, guard };
  const serviceApi: Api = {
    routes: [
      ...entryRoutes('group', '/enrollmentGroups', entryParts),
      ...entryRoutes('individual', '/enrollments', entryParts),
      ...registrationRoutes({ entries, registrations, guard }),
    ],
    maxBodyBytes: dpsMessageBytes,
    renderError: renderDpsError,
  };

  const byCertificate = createX509Attestation({ entries, cas, now });
  const bySignature = createSymmetricKeyAttestation({ entries, idScope, now });
  const attest = (call: Call, registrationId: string) => {
    const signature = call.header('authorization');
    return signature === undefined
      ? byCertificate(call.socket, registrationId)
      : bySignature(signature, registrationId);
  };
  const deviceApi: Api = {
    routes: deviceRoutes({ attest, registrar, settings }),
    maxBodyBytes: dpsMessageBytes,
    renderError: renderDpsError,
  };

  const authorizeManagement = (call: Call) => {
    if (isAcceptedBearer(call.header('authorization') ?? '', bearerTokens)) return;
    throw armError(
      401,
      'AuthenticationFailed',
      'Authentication failed. The Authorization header has no accepted token.',
    );
  };
  const managementApi: Api = {
    routes: [
      ...certificateRoutes({ cas, authorize: authorizeManagement, settings }),
      ...serviceRoutes({ authorize: authorizeManagement, settings }),
    ],
    maxBodyBytes: dpsMessageBytes,
    renderError: renderManagementError,
  };

  const server = createHttpsServer({
    ...settings.tls,
    maxRetryAfterSeconds: Math.max(settings.retryAfterSeconds, longestThrottleSeconds),
    apis: [serviceApi, managementApi, hubs.api, deviceApi],
    fallback: {
      routes: [],
      maxBodyBytes: dpsMessageBytes,
      renderError: (error, call) => (isHubPath(call.path) ? hubs.api.renderError(error, call) : renderDpsError(error)),
    },
  });

  return {
    settings,
    async listen(port, host = '127.0.0.1') {
      server.listen(port, host);
      await once(server, 'listening');
      hubs.start();
      return { port: (server.address() as AddressInfo).port };
    },
    async close() {
      const closed = server.listening ? once(server, 'close') : undefined;
      server.close();
      server.closeIdleConnections();
      await Promise.all([registrar.close(), hubs.close()]);
      // Do not wait for a client that never finishes its request.
      const deadline = setTimeout(() => server.closeAllConnections(), 2000);
      await closed;
      clearTimeout(deadline);
      store.close();
    },
  };
}
