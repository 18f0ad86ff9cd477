import { z } from 'zod';
import { dpsError } from '../http/service-error.ts';
import { anyCase, orEmpty } from '../lenient.ts';
import type { Settings } from '../options.ts';
import { twinViolation } from '../twin-limits.ts';
import { certificateInfo, decodeCertificate } from '../x509.ts';
import {
  type Attestation,
  type Entry,
  type EntryKind,
  type EntrySettings,
  kindNames,
  type StoredCertificate,
} from './entry.ts';

/**
 * 1 to 128 letters, digits and `-._:`. "No special characters allowed at start or end":
 * https://learn.microsoft.com/rest/api/iot-dps/service/individual-enrollment/create-or-update. Another page allows a dash at the end
 * (https://learn.microsoft.com/azure/iot-dps/concepts-service#registration-id). An id that only one of them allows is refused.
 */
export const idSyntax = /^[a-z0-9](?:[a-z0-9\-._:]{0,126}[a-z0-9])?$/i;

const object = z.record(z.string(), z.unknown());

const certificate = z.object({ certificate: z.string().nullish(), info: z.unknown().optional() });
const certificates = z.object({ primary: certificate.nullish(), secondary: certificate.nullish() });
const key = z
  .string()
  .regex(/^[A-Za-z0-9+/]+={0,2}$/, 'a base64 key')
  // Key lengths of https://learn.microsoft.com/azure/iot-dps/concepts-symmetric-key-attestation.
  .refine((text) => Buffer.byteLength(text, 'base64') >= 16 && Buffer.byteLength(text, 'base64') <= 64, {
    message: 'a key of 16 to 64 bytes',
  });

const attestationSyntax = z.object({
  type: z.enum(['none', 'tpm', 'x509', 'symmetricKey']),
  tpm: z.object({ endorsementKey: z.string().min(1), storageRootKey: z.string().nullish() }).nullish(),
  x509: z
    .object({
      clientCertificates: certificates.nullish(),
      signingCertificates: certificates.nullish(),
      caReferences: z.object({ primary: z.string().nullish(), secondary: z.string().nullish() }).nullish(),
    })
    .nullish(),
  symmetricKey: z.object({ primaryKey: orEmpty(key), secondaryKey: orEmpty(key) }).nullish(),
});

/** Unknown members are ignored, because official samples send some. */
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
  provisioningStatus: anyCase(['enabled', 'disabled']).nullish(),
  reprovisionPolicy: z.object({ updateHubAssignment: z.boolean(), migrateDeviceData: z.boolean() }).nullish(),
  allocationPolicy: anyCase(['hashed', 'geoLatency', 'static', 'custom']).nullish(),
  iotHubs: z.array(z.string()).nullish(),
  customAllocationDefinition: z.object({ webhookUrl: z.string(), apiVersion: z.string() }).nullish(),
  optionalDeviceInformation: object.nullish(),
});

type Input = z.output<typeof syntax>;
type AttestationInput = z.output<typeof attestationSyntax>;

export interface ParsedEntry {
  readonly id: string;
  readonly attestation: Attestation;
  readonly settings: EntrySettings;
}

export interface EntryParser {
  /**
   * Reads and checks the id of an enrollment. @param fromPath the id in the path, which must equal the id in the body
   * @throws ServiceError 400
   */
  idOf(kind: EntryKind, body: unknown, fromPath?: string): string;
  /** @param before the stored enrollment, for an update. @throws ServiceError 400 that names the invalid member */
  parse(kind: EntryKind, id: string, body: unknown, before: Entry | undefined): ParsedEntry;
}

/** Checks enrollments against the documented rules. */
export function createEntryParser({
  hubs,
  webhook,
  random,
  defaultAllocationPolicy,
}: Pick<Settings, 'hubs' | 'webhook' | 'random' | 'defaultAllocationPolicy'>): EntryParser {
  const linked = new Set(hubs.map((hub) => hub.hostName.toLowerCase()));

  /**
   * What the service stores for a member that was not sent. A null is stored as it is
   * (recorded answers: Azure/azure-sdk-for-python, sdk/iothub/azure-iot-deviceprovisioning/tests/recordings).
   */
  const defaults = () => ({
    provisioningStatus: 'enabled' as const,
    reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: true },
    allocationPolicy: defaultAllocationPolicy,
  });

  function checkAllocation({ allocationPolicy, iotHubs, iotHubHostName, customAllocationDefinition }: Input): void {
    if (iotHubs && iotHubs.length > 0 && !allocationPolicy) {
      throw dpsError(400, 'Enrollment allocationPolicy must be specified when iotHubs are specified.', 400004);
    }
    const unlinked = [...(iotHubs ?? []), ...(iotHubHostName ? [iotHubHostName] : [])].find(
      (hub) => !linked.has(hub.toLowerCase()),
    );
    if (unlinked !== undefined) throw dpsError(400, `The IoT hub "${unlinked}" is not linked to this service.`);
    if (allocationPolicy === 'static' && (iotHubs ?? []).length > 1) {
      throw dpsError(400, 'allocationPolicy static needs exactly one of iotHubs.');
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
          `${kindNames[kind].idMember} must be 1 to 128 letters, digits, "-", ".", "_" or ":", the first and the last one a letter or digit.`,
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
        settings: settingsOf(kind, { ...defaults(), ...input }),
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

/** The oldest allowed value of `customAllocationDefinition.apiVersion`. */
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

/** IoT Hub limits the twin. It is not published whether DPS checks the limits when an enrollment is written. */
function checkTwin(initialTwin: Input['initialTwin']): void {
  const violation = twinViolation(initialTwin?.tags ?? {}, initialTwin?.properties?.desired ?? {});
  if (violation !== undefined) throw dpsError(400, `Invalid initialTwin: ${violation}.`);
}

/** Reads an attestation. An update may leave out keys, and send only the `info` of a certificate. Then the stored ones stay. */
function parseAttestation(
  kind: EntryKind,
  input: AttestationInput,
  before: Entry | undefined,
  random: (bytes: number) => Buffer,
): Attestation {
  switch (input.type) {
    case 'none':
      return { type: 'none' };
    case 'tpm': {
      if (kind === 'group') throw dpsError(400, 'An enrollment group cannot attest by TPM.');
      if (!input.tpm) throw dpsError(400, 'Attestation of type tpm needs an endorsementKey.');
      const { endorsementKey, storageRootKey } = input.tpm;
      return { type: 'tpm', endorsementKey, ...(storageRootKey ? { storageRootKey } : {}) };
    }
    case 'symmetricKey': {
      const kept = before?.attestation.type === 'symmetricKey' ? before.attestation : undefined;
      const newKey = () => random(64).toString('base64');
      return {
        type: 'symmetricKey',
        primaryKey: input.symmetricKey?.primaryKey ?? kept?.primaryKey ?? newKey(),
        secondaryKey: input.symmetricKey?.secondaryKey ?? kept?.secondaryKey ?? newKey(),
      };
    }
    case 'x509':
      return parseX509(kind, input.x509 ?? {}, before);
  }
}

function parseX509(
  kind: EntryKind,
  x509: NonNullable<AttestationInput['x509']>,
  before: Entry | undefined,
): Attestation {
  const use = kind === 'group' ? 'signingCertificates' : 'clientCertificates';
  const wrong = kind === 'group' ? 'clientCertificates' : 'signingCertificates';
  const sent = x509[use];
  const references = x509.caReferences;
  if (x509[wrong]) throw dpsError(400, `${wrong} are not allowed in this kind of enrollment. Use ${use}.`);
  if (references?.primary) {
    if (kind === 'individual') throw dpsError(400, 'caReferences are allowed in enrollment groups only.');
    if (sent?.primary) throw dpsError(400, 'Give signingCertificates or caReferences, not both.');
    const { primary, secondary } = references;
    return { type: 'x509', use: 'caReferences', primary, ...(secondary ? { secondary } : {}) };
  }
  if (!sent?.primary) throw dpsError(400, `Attestation of type x509 needs ${use}.primary.`);
  const kept = before?.attestation.type === 'x509' && before.attestation.use === use ? before.attestation : undefined;
  const primary = storedCertificate(sent.primary, kept?.primary, `${use}.primary`);
  const secondary = sent.secondary && storedCertificate(sent.secondary, kept?.secondary, `${use}.secondary`);
  return { type: 'x509', use, primary, ...(secondary ? { secondary } : {}) };
}

function storedCertificate(
  sent: z.output<typeof certificate>,
  kept: StoredCertificate | undefined,
  place: string,
): StoredCertificate {
  if (!sent.certificate) {
    if (kept && sent.info) return kept;
    throw dpsError(400, `${place} has no certificate.`);
  }
  try {
    const parsed = decodeCertificate(sent.certificate);
    return { certificate: parsed.der.toString('base64'), info: certificateInfo(parsed) };
  } catch {
    throw dpsError(400, `${place} is not an X.509 certificate (PEM, base64 of PEM or base64 of DER).`);
  }
}
