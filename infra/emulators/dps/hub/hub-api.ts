import { createHubAuthorization } from '../authorization.ts';
import type { Api } from '../http/server.ts';
import type { Settings } from '../options.ts';
import type { Store } from '../store.ts';
import { newEvent } from './device-event.ts';
import { createDeviceRegistry, type DeviceRegistry } from './device-registry.ts';
import { createEventOutbox } from './event-outbox.ts';
import { createHubAccess } from './hub-access.ts';
import { createHubErrorRenderer } from './hub-error.ts';
import { identityRoutes } from './identity-routes.ts';
import { createIdentityWriter } from './identity-writer.ts';
import { jobRoutes } from './job-routes.ts';
import { messageRoutes } from './message-routes.ts';
import { createRegistryJobs } from './registry-jobs.ts';
import { createLineWriter } from './registry-line.ts';
import { twinRoutes } from './twin-routes.ts';

/** Enough for a bulk call of a hundred devices with twins. IoT Hub publishes no limit. */
const maxBodyBytes = 1024 * 1024;

/** The linked hubs: their API, and the work that goes on between calls. */
export interface Hubs {
  readonly registry: DeviceRegistry;
  readonly api: Api;
  /** Continues the jobs and events of an earlier process. */
  start(): void;
  close(): Promise<void>;
}

export interface HubParts {
  readonly store: Store;
  readonly newId: () => string;
  readonly settings: Settings;
}

export function createHubs({ store, newId, settings }: HubParts): Hubs {
  const { now } = settings;
  const outbox = createEventOutbox(store, settings);
  const registry = createDeviceRegistry(store, settings, (type, hub, deviceId) =>
    outbox.add(newEvent(type, { id: newId(), hub, deviceId, time: now() })),
  );
  const viewOf = createHubAccess({ authorize: createHubAuthorization(settings), registry, settings });
  const writer = createIdentityWriter({ registry, settings });
  const applyLine = createLineWriter({ registry, writer, settings });
  const jobs = createRegistryJobs({ store, registry, applyLine, newId, settings });
  const { transaction } = store;

  return {
    registry,
    api: {
      routes: [
        // The twin routes come first, because the identity routes would take `query` for a device id.
        ...twinRoutes({ viewOf, registry, settings }),
        ...identityRoutes({ viewOf, registry, writer, applyLine, transaction, settings }),
        ...jobRoutes({ viewOf, jobs }),
        ...messageRoutes({ registry, settings }),
      ],
      maxBodyBytes,
      renderError: createHubErrorRenderer({ newId }),
    },
    start() {
      jobs.resume();
      outbox.start();
    },
    async close() {
      await Promise.all([jobs.close(), outbox.close()]);
    },
  };
}
