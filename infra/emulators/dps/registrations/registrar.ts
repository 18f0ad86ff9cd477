import { AllocationError, allocate, allocationPolicyOf, allowedHubs, askWebhook } from '../allocation.ts';
import type { Entry, InitialTwin, JsonObject } from '../entries/entry.ts';
import type { EntryStore } from '../entries/entry-store.ts';
import { type DeviceRegistry, withCredential } from '../hub/device-registry.ts';
import { authenticationFor } from '../hub/hub-device.ts';
import { replaceTwin } from '../hub/twin.ts';
import type { Settings } from '../options.ts';
import { newEtag, timestamp } from '../record-metadata.ts';
import type { Store } from '../store.ts';
import type {
  DeviceCredential,
  EarlierOperation,
  PendingAssignment,
  Registration,
  RegistrationStore,
  RegistrationSubstatus,
  X509Proof,
} from './registration.ts';

export interface RegisterRequest {
  readonly registrationId: string;
  readonly entry: Entry;
  readonly credential: DeviceCredential;
  readonly x509?: X509Proof;
  readonly payload?: unknown;
}

export interface Registrar {
  /** Starts a registration. The result is assigned, failed or disabled, or `assigning` while a webhook is called. */
  register(request: RegisterRequest): Registration;
  /** @returns the state of a registration. Resumes an assignment that an earlier process did not finish */
  progress(registrationId: string): Registration | undefined;
  /** Aborts the webhook calls. The next process resumes their assignments. */
  close(): Promise<void>;
}

export interface RegistrarParts {
  readonly store: Store;
  readonly entries: EntryStore;
  readonly registrations: RegistrationStore;
  readonly registry: DeviceRegistry;
  readonly settings: Settings;
}

export function createRegistrar({ store, entries, registrations, registry, settings }: RegistrarParts): Registrar {
  const { now, random, hubs } = settings;
  const running = new Map<string, Promise<void>>();
  const stop = new AbortController();

  function save(registration: Registration): Registration {
    const changed = { ...registration, etag: newEtag(random), lastUpdatedDateTimeUtc: timestamp(now()) };
    registrations.put(changed);
    return changed;
  }

  function finish(registration: Registration, entry: Entry, pending: PendingAssignment, assignment: Assignment) {
    return store.transaction(() => {
      const { pending: _, errorCode: __, errorMessage: ___, ...rest } = registration;
      return save({
        ...rest,
        status: 'assigned',
        ...assign(registry, entry, registration, pending, assignment, timestamp(now())),
      });
    });
  }

  function fail(registration: Registration, error: AllocationError): Registration {
    const { pending: _, ...rest } = registration;
    return save({ ...rest, status: 'failed', errorCode: error.code, errorMessage: error.message });
  }

  /** @returns the hub, or undefined if the webhook decides */
  function allocateAtOnce(registration: Registration, entry: Entry): Assignment | undefined {
    const stays = entry.settings.reprovisionPolicy?.updateHubAssignment === false;
    if (stays && registration.assignment) return { hub: registration.assignment.hub };
    const policy = allocationPolicyOf(entry, settings);
    if (policy === 'custom') return undefined;
    return { hub: allocate(policy, registration.registrationId, allowedHubs(entry, hubs)).hostName };
  }

  async function allocateByWebhook(
    registration: Registration,
    entry: Entry,
    pending: PendingAssignment,
  ): Promise<void> {
    const { registrationId, assignment: current, operationId } = registration;
    let outcome: Assignment | AllocationError;
    try {
      const answer = await askWebhook({
        entry,
        registrationId,
        ...pending,
        ...(current ? { current } : {}),
        hubs: allowedHubs(entry, hubs),
        settings: settings.webhook,
        signal: stop.signal,
      });
      outcome = { ...answer, hub: answer.hub.hostName };
    } catch (error) {
      if (stop.signal.aborted) return;
      outcome = error instanceof AllocationError ? error : new AllocationError(400207, 'Custom allocation failed.');
    }
    // In the meantime the record may have been deleted, or the device may have registered again.
    const latest = registrations.get(registrationId);
    if (latest?.operationId !== operationId) return;
    if (outcome instanceof AllocationError) fail(latest, outcome);
    else finish(latest, entry, pending, outcome);
  }

  function startWebhook(registration: Registration, entry: Entry, pending: PendingAssignment): void {
    const { operationId } = registration;
    if (running.has(operationId)) return;
    const work = allocateByWebhook(registration, entry, pending)
      // The registration stays `assigning`. The next poll retries.
      .catch((error: Error) => void process.emitWarning(`custom allocation was not recorded: ${error.message}`))
      .finally(() => running.delete(operationId));
    running.set(operationId, work);
  }

  function advance(registration: Registration, entry: Entry, pending: PendingAssignment): Registration {
    try {
      const assignment = allocateAtOnce(registration, entry);
      if (assignment) return finish(registration, entry, pending, assignment);
    } catch (error) {
      if (error instanceof AllocationError) return fail(registration, error);
      throw error;
    }
    startWebhook(registration, entry, pending);
    return registration;
  }

  return {
    register: ({ registrationId, entry, credential, x509, payload }) =>
      store.transaction(() => {
        const before = registrations.get(registrationId);
        const disabled = entry.settings.provisioningStatus === 'disabled';
        const pending: PendingAssignment = { credential, ...(payload === undefined ? {} : { payload }) };
        const registration = save({
          registrationId,
          entry: { kind: entry.kind, id: entry.id },
          attestation: credential.type,
          ...(x509 && { x509 }),
          status: disabled ? 'disabled' : 'assigning',
          ...(before?.assignment ? { assignment: before.assignment } : {}),
          ...(before?.substatus ? { substatus: before.substatus } : {}),
          operationId: disabled ? '' : newOperationId(random),
          earlierOperations: before ? earlierOperations(before, now()) : [],
          ...(disabled ? {} : { pending }),
          etag: '',
          createdDateTimeUtc: before?.createdDateTimeUtc ?? timestamp(now()),
          lastUpdatedDateTimeUtc: '',
        });
        return disabled ? registration : advance(registration, entry, pending);
      }),
    progress(registrationId) {
      const registration = registrations.get(registrationId);
      if (!registration?.pending || running.has(registration.operationId)) return registration;
      const entry = entries.get(registration.entry.kind, registration.entry.id);
      if (!entry) return fail(registration, new AllocationError(404201, 'The enrollment was deleted.'));
      return advance(registration, entry, registration.pending);
    },
    async close() {
      stop.abort();
      await Promise.all(running.values());
    },
  };
}

/** The life of an operation id is not published. */
const operationLifeMs = 60 * 60 * 1000;
/** Keeps the record of a device small that registers all the time. */
const maxEarlierOperations = 20;

function earlierOperations({ earlierOperations: kept = [], operationId }: Registration, now: Date): EarlierOperation[] {
  const validUntil = new Date(now.getTime() + operationLifeMs).toISOString();
  const living = kept.filter((each) => Date.parse(each.validUntil) > now.getTime());
  return [...living, ...(operationId === '' ? [] : [{ operationId, validUntil }])].slice(-maxEarlierOperations);
}

/** Makes an id in the form of the service: `5.<16 hex digits>.<uuid>`. */
function newOperationId(random: (bytes: number) => Buffer): string {
  const hex = random(24).toString('hex');
  const uuid = [hex.slice(16, 24), hex.slice(24, 28), hex.slice(28, 32), hex.slice(32, 36), hex.slice(36)].join('-');
  return `5.${hex.slice(0, 16)}.${uuid}`;
}

export interface Assignment {
  readonly hub: string;
  /** From the custom allocation webhook. It overrides the twin of the enrollment and any migration. */
  readonly initialTwin?: InitialTwin;
  readonly payload?: JsonObject;
}

/**
 * Creates the device in its hub, or moves it from its previous hub as the reprovision policy of the enrollment says
 * (https://learn.microsoft.com/azure/iot-dps/concepts-device-reprovision).
 */
function assign(
  registry: DeviceRegistry,
  entry: Entry,
  registration: Registration,
  { credential }: PendingAssignment,
  { hub, initialTwin, payload }: Assignment,
  time: string,
): Pick<Registration, 'assignment' | 'substatus' | 'payload'> {
  const { updateHubAssignment = true, migrateDeviceData = true } = entry.settings.reprovisionPolicy ?? {};
  const before = registration.assignment;
  const deviceId = entry.settings.deviceId ?? before?.deviceId ?? registration.registrationId;
  const moved = before !== undefined && before.hub.toLowerCase() !== hub.toLowerCase();
  const old = moved ? registry.get(before.hub, before.deviceId) : undefined;
  const present = registry.get(hub, deviceId);
  // "This policy is often used for a factory reset without changing IoT hubs."
  const isReset = before !== undefined && updateHubAssignment && !migrateDeviceData;
  const newTwin = initialTwin ?? (isReset || !(present ?? old) ? (entry.settings.initialTwin ?? {}) : undefined);

  if (present) {
    const kept = withCredential(present, credential);
    const twin = newTwin && { tags: newTwin.tags, desired: newTwin.properties?.desired };
    registry.put(hub, twin ? replaceTwin(kept, twin, time) : kept);
  } else if (old && !newTwin) {
    registry.add(hub, { ...withCredential(old, credential), deviceId });
  } else {
    registry.create(hub, {
      deviceId,
      authentication: authenticationFor(credential),
      iotEdge: entry.settings.capabilities?.iotEdge ?? false,
      initialTwin: newTwin ?? {},
    });
  }
  if (moved) registry.delete(before.hub, before.deviceId);
  return {
    assignment: { hub, deviceId },
    substatus: substatusOf(registration, { wasInHub: present !== undefined, updateHubAssignment, isReset: !!newTwin }),
    payload,
  };
}

/**
 * DPS knows a device that it has assigned before. It may find any other device in the hub.
 * https://github.com/Azure/azure-iot-sdk-csharp/pull/2397
 */
function substatusOf(
  { assignment, substatus = 'initialAssignment' }: Registration,
  { wasInHub, updateHubAssignment, isReset }: Record<'wasInHub' | 'updateHubAssignment' | 'isReset', boolean>,
): RegistrationSubstatus {
  if (!assignment) return wasInHub ? 'reprovisionedToInitialAssignment' : 'initialAssignment';
  if (!updateHubAssignment) return substatus;
  return isReset ? 'deviceDataReset' : 'deviceDataMigrated';
}
