import { z } from 'zod';
import { twinIssues } from '../../../../lib/devices/twin.ts';
import { dpsError } from '../http/service-error.ts';
import type { Settings } from '../options.ts';
import type { Attestation, Entry, EntryKind, EntrySettings } from './entry.ts';
import { kindNames } from './entry.ts';
import { attestationSyntax, parseAttestation } from './parse-attestation.ts';

/** 1 to 128 letters, digits and `-._:`, the last one alphanumeric or a dash: https://learn.microsoft.com/azure/iot-dps/concepts-service */
export const idSyntax = /^[a-z0-9\-._:]{0,127}[a-z0-9-]$/i;

const object = z.record(z.string(), z.unknown());

/** Unknown members are let pass and dropped: official samples send some. */
const syntax = z.object({
  enrollmentGroupId: z.string().nullish(),
  registrationId: z.string().nullish(),
  deviceId: z.string().min(1).max(128).nullish(),
  attestation: attestationSyntax,
  capabilities: z.object({ iotEdge: z.boolean() }).nullish(),
  iotHubHostName: z.string().nullish(),
  initialTwin: z
    .object({
      tags: object.nullish(),
      properties: z.object({ desired: object.nullish() }).nullish(),
    })
    .nullish(),
  provisioningStatus: z.enum(['enabled', 'disabled']).nullish(),
  reprovisionPolicy: z.object({ updateHubAssignment: z.boolean(), migrateDeviceData: z.boolean() }).nullish(),
  allocationPolicy: z.enum(['hashed', 'geoLatency', 'static', 'custom']).nullish(),
  iotHubs: z.array(z.string()).nullish(),
  customAllocationDefinition: z.object({ webhookUrl: z.string(), apiVersion: z.string() }).nullish(),
  optionalDeviceInformation: object.nullish(),
});

type Input = z.output<typeof syntax>;

export interface ParsedEntry {
  readonly id: string;
  readonly attestation: Attestation;
  readonly settings: EntrySettings;
}

export interface EntryParser {
  /** The id an item of a bulk request names, checked; `fromPath` for single requests, where both must agree. */
  idOf(kind: EntryKind, body: unknown, fromPath?: string): string;
  parse(kind: EntryKind, id: string, body: unknown, before: Entry | undefined): ParsedEntry;
}

/** Checks what clients send against the documented rules; throws 400 with the fault. */
export function createEntryParser({
  hubs,
  webhook,
  random,
}: Pick<Settings, 'hubs' | 'webhook' | 'random'>): EntryParser {
  const linked = new Set(hubs.map((hub) => hub.hostName.toLowerCase()));

  function checkAllocation({ allocationPolicy, iotHubs, iotHubHostName, customAllocationDefinition }: Input): void {
    if (iotHubs && iotHubs.length > 0 && !allocationPolicy) {
      throw dpsError(400, 'Enrollment allocationPolicy must be specified when iotHubs are specified.', 400004);
    }
    const unlinked = [...(iotHubs ?? []), ...(iotHubHostName ? [iotHubHostName] : [])].find(
      (hub) => !linked.has(hub.toLowerCase()),
    );
    if (unlinked !== undefined) throw dpsError(400, `The IoT hub "${unlinked}" is not linked to this service.`);
    if (allocationPolicy === 'static' && (iotHubs ?? []).length > 1) {
      throw dpsError(400, 'allocationPolicy static takes exactly one of iotHubs.');
    }
    if (allocationPolicy === 'custom') checkWebhook(customAllocationDefinition, webhook.allowHttp);
  }

  return {
    idOf(kind, body, fromPath) {
      const named = z.object({ [kindNames[kind].idMember]: z.string().nullish() }).safeParse(body);
      const inBody = named.success ? named.data[kindNames[kind].idMember] : undefined;
      const id = fromPath ?? inBody;
      if (typeof id !== 'string' || !idSyntax.test(id)) {
        throw dpsError(
          400,
          `${kindNames[kind].idMember} must be 1 to 128 letters, digits, "-", ".", "_" or ":", the last one a letter, digit or dash.`,
        );
      }
      if (inBody && inBody.toLowerCase() !== id.toLowerCase()) {
        throw dpsError(400, `${kindNames[kind].idMember} in the body differs from the one in the path.`);
      }
      return id;
    },
    parse(kind, id, body, before) {
      const parsed = syntax.safeParse(body);
      if (!parsed.success) {
        const [fault] = parsed.error.issues;
        throw dpsError(400, `Invalid ${fault?.path.join('.') || 'body'}: ${fault?.message}.`);
      }
      const input = parsed.data;
      checkAllocation(input);
      checkTwin(input.initialTwin);
      return {
        id,
        attestation: parseAttestation(kind, input.attestation, before, random),
        settings: settingsOf(kind, input),
      };
    },
  };
}

function settingsOf(kind: EntryKind, input: Input): EntrySettings {
  const { provisioningStatus, initialTwin } = input;
  const own = {
    deviceId: kind === 'individual' ? input.deviceId : undefined,
    capabilities: input.capabilities,
    iotHubHostName: input.iotHubHostName,
    initialTwin:
      initialTwin &&
      dropNulls({ ...initialTwin, properties: initialTwin.properties && dropNulls(initialTwin.properties) }),
    reprovisionPolicy: input.reprovisionPolicy,
    allocationPolicy: input.allocationPolicy,
    iotHubs: input.iotHubs,
    customAllocationDefinition: input.customAllocationDefinition,
    optionalDeviceInformation: kind === 'individual' ? input.optionalDeviceInformation : undefined,
  };
  return { ...dropNulls(own), ...(provisioningStatus === undefined ? {} : { provisioningStatus }) } as EntrySettings;
}

function dropNulls<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(value).filter(([, member]) => member !== null && member !== undefined),
  ) as Partial<T>;
}

/** The oldest version a webhook can ask for, by the specification of `customAllocationDefinition.apiVersion`. */
const oldestWebhookVersion = '2018-09-01-preview';

function checkWebhook(definition: Input['customAllocationDefinition'], allowHttp: boolean): void {
  if (!definition) throw dpsError(400, 'allocationPolicy custom needs customAllocationDefinition.');
  const protocol = URL.canParse(definition.webhookUrl) ? new URL(definition.webhookUrl).protocol : undefined;
  if (protocol !== 'https:' && !(allowHttp && protocol === 'http:')) {
    throw dpsError(400, 'customAllocationDefinition.webhookUrl must be an https URL.');
  }
  if (!/^\d{4}-\d\d-\d\d(-preview)?$/.test(definition.apiVersion) || definition.apiVersion < oldestWebhookVersion) {
    throw dpsError(400, `customAllocationDefinition.apiVersion must be ${oldestWebhookVersion} or later.`);
  }
}

/** DPS applies the twin through IoT Hub, whose limits count; whether the real service checks them here is not published. */
function checkTwin(initialTwin: Input['initialTwin']): void {
  const [fault] = twinIssues({ tags: initialTwin?.tags ?? {}, desired: initialTwin?.properties?.desired ?? {} });
  if (fault) throw dpsError(400, `Invalid initialTwin: ${fault.path}: ${fault.message}.`);
}
