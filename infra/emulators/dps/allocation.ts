import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { type Entry, type InitialTwin, type JsonObject, kindNames, showEntry } from './entries/entry.ts';
import type { LinkedHub, Settings, WebhookSettings } from './options.ts';
import { etagText } from './record-metadata.ts';
import type { DeviceCredential } from './registrations/registration.ts';
import { twinViolation } from './twin-limits.ts';

/** The allocation failed. The registration gets this error code and message. */
export class AllocationError extends Error {
  override readonly name = 'AllocationError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** @returns the linked hubs that the enrollment lists, or all linked hubs if it lists none */
export function allowedHubs(entry: Entry, hubs: readonly LinkedHub[]): LinkedHub[] {
  const { iotHubs, iotHubHostName } = entry.settings;
  const listed = iotHubs && iotHubs.length > 0 ? iotHubs : iotHubHostName ? [iotHubHostName] : undefined;
  return hubs.filter(
    (hub) => !listed || listed.some((hostName) => hostName.toLowerCase() === hub.hostName.toLowerCase()),
  );
}

/** The policy of the enrollment, or the default of the service. */
export function allocationPolicyOf(
  entry: Entry,
  { defaultAllocationPolicy }: Pick<Settings, 'defaultAllocationPolicy'>,
) {
  return entry.settings.allocationPolicy ?? defaultAllocationPolicy;
}

/**
 * Chooses the hub for a policy that needs no webhook.
 * @throws AllocationError if no hub is allowed, or several are with the policy static
 */
export function allocate(
  policy: 'hashed' | 'geoLatency' | 'static',
  registrationId: string,
  hubs: readonly LinkedHub[],
): LinkedHub {
  const [first] = hubs;
  if (!first) throw new AllocationError(400000, 'No linked IoT hub is allowed by the enrollment.');
  if (policy === 'hashed') return hashed(registrationId, hubs);
  if (policy === 'geoLatency')
    return hubs.reduce((best, hub) => ((hub.latencyMs ?? 0) < (best.latencyMs ?? 0) ? hub : best));
  if (hubs.length > 1) throw new AllocationError(400000, 'The static allocation policy needs exactly one IoT hub.');
  return first;
}

/**
 * Weighted rendezvous hashing. The share of a hub is proportional to its weight. A device always gets the same hub. A new hub
 * moves only the devices that it gets. (The hash function of the service is not published.)
 */
function hashed(registrationId: string, hubs: readonly LinkedHub[]): LinkedHub {
  const scored = hubs.map((hub) => {
    const digest = createHash('sha256')
      .update(`${hub.hostName.toLowerCase()}\n${registrationId.toLowerCase()}`)
      .digest();
    // 48 bits as a fraction in (0, 1). The highest -weight / ln(fraction) wins in proportion to the weights.
    const fraction = (digest.readUIntBE(0, 6) + 1) / (2 ** 48 + 1);
    return { hub, score: -(hub.weight ?? 1) / Math.log(fraction) };
  });
  return scored.reduce((best, each) => (each.score > best.score ? each : best)).hub;
}

export interface WebhookRequest {
  readonly entry: Entry;
  readonly registrationId: string;
  readonly credential: DeviceCredential;
  readonly payload?: unknown;
  readonly current?: { readonly hub: string; readonly deviceId: string };
  readonly hubs: readonly LinkedHub[];
  readonly settings: WebhookSettings;
  /** Aborts the call and the waiting when the emulator stops. */
  readonly signal: AbortSignal;
}

export interface WebhookAllocation {
  readonly hub: LinkedHub;
  readonly initialTwin?: InitialTwin;
  readonly payload?: JsonObject;
}

const object = z.record(z.string(), z.unknown());
const answerSyntax = z.object({
  iotHubHostName: z.string().nullish(),
  initialTwin: z
    .object({ tags: object.nullish(), properties: z.object({ desired: object.nullish() }).nullish() })
    .nullish(),
  payload: object.nullish(),
});

/** Limit for the answer, which contains a twin (up to 40 KB) and a payload. */
const maxAnswerBytes = 256 * 1024;

/**
 * Calls the webhook of the enrollment (https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation). Retries after no
 * answer or a status from 429 upwards.
 * @throws AllocationError 400207, 400208, 400209
 */
export async function askWebhook(request: WebhookRequest): Promise<WebhookAllocation> {
  const { settings, signal } = request;
  const body = JSON.stringify(requestBody(request));
  const url = request.entry.settings.customAllocationDefinition?.webhookUrl ?? '';
  for (let attempt = 0; ; attempt += 1) {
    const answer = await post(url, body, settings.timeoutMs, signal);
    if (answer.status === 200) return readAnswer(answer.text, request.hubs);
    if (answer.status === 401) throw new AllocationError(400209, 'Custom allocation failed: unauthorized access.');
    const again = answer.status === undefined || answer.status >= 429;
    if (!again || attempt >= settings.retries) {
      throw new AllocationError(400207, `Custom allocation failed with status code: ${answer.status ?? 'none'}`);
    }
    await wait(settings.firstDelayMs + attempt * settings.addedDelayMs, undefined, { signal });
  }
}

function requestBody({ entry, registrationId, credential, payload, current, hubs }: WebhookRequest): JsonObject {
  const { customAllocationDefinition, ...shown } = showEntry(entry) as JsonObject & Entry['settings'];
  return {
    [entry.kind === 'group' ? 'enrollmentGroup' : 'individualEnrollment']: {
      ...shown,
      [kindNames[entry.kind].idMember]: entry.id,
      customAllocationDefinition: customAllocationDefinition && {
        ...customAllocationDefinition,
        webhookUrl: maskQuery(customAllocationDefinition.webhookUrl),
      },
      etag: etagText(entry.etag),
    },
    deviceRuntimeContext: {
      registrationId,
      ...(current ? { currentIotHubHostName: current.hub, currentDeviceId: current.deviceId } : {}),
      ...(credential.type === 'x509' ? { x509: { clientCertificate: credential.certificate } } : { symmetricKey: {} }),
      ...(payload === undefined ? {} : { payload }),
    },
    linkedHubs: hubs.map((hub) => hub.hostName),
  };
}

/** Hides the query, which contains the function key. */
function maskQuery(url: string): string {
  return url.replace(/\?.*$/s, '?****');
}

async function post(
  url: string,
  body: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ status: number | undefined; text: string }> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    return { status: response.status, text: await readText(response) };
  } catch (error) {
    if (signal.aborted) throw error;
    return { status: undefined, text: '' };
  }
}

async function readText(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > maxAnswerBytes) break;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function readAnswer(text: string, hubs: readonly LinkedHub[]): WebhookAllocation {
  const parsed = answerSyntax.safeParse(tryJson(text));
  if (!parsed.success)
    throw new AllocationError(400207, 'Custom allocation failed: the answer is not an AllocationResponse.');
  const { iotHubHostName, initialTwin, payload } = parsed.data;
  if (!iotHubHostName) throw new AllocationError(400208, 'Custom allocation failed: no IoT hub specified.');
  const hub = hubs.find((each) => each.hostName.toLowerCase() === iotHubHostName.toLowerCase());
  if (!hub) throw new AllocationError(400207, 'Custom allocation failed: the IoT hub is none of linkedHubs.');
  const desired = initialTwin?.properties?.desired;
  const violation = twinViolation(initialTwin?.tags ?? {}, desired ?? {});
  if (violation !== undefined)
    throw new AllocationError(400207, `Custom allocation failed: initialTwin: ${violation}.`);
  return {
    hub,
    ...(initialTwin
      ? {
          initialTwin: {
            ...(initialTwin.tags ? { tags: initialTwin.tags } : {}),
            ...(desired ? { properties: { desired } } : {}),
          },
        }
      : {}),
    ...(payload ? { payload } : {}),
  };
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
