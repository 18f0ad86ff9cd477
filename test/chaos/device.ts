import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stack } from '../../infra/local/stack.ts';
import type { ArchivedBundle } from './archives.ts';

/** A device with one of the bundles that were made for it. */
export type Credential = Pick<ArchivedBundle, 'deviceId' | 'chainPem' | 'keyPem' | 'serialNumber'>;

interface DpsAnswer {
  readonly operationId?: string;
  readonly status?: string;
  readonly errorCode?: number;
  readonly registrationState?: { readonly assignedHub?: string };
}

/**
 * Asks DPS to register a device, over mutual TLS, with nothing but its bundle.
 * @returns the id of the operation when DPS takes the device; undefined when DPS refuses it
 * @throws Error when DPS does neither: no answer must count as a refusal
 */
export async function knock(credential: Credential, dps: Stack['dps']): Promise<string | undefined> {
  const { status, body } = await ask(credential, dps, 'PUT', 'register');
  if (status === 202 && body.operationId !== undefined) return body.operationId;
  // DPS answers a blocked device with 200, and one that no enrollment takes with 401.
  if ((status === 200 && body.status === 'disabled') || status === 401) return undefined;
  throw new Error(`DPS answered ${credential.deviceId} with ${status}: ${JSON.stringify(body)}`);
}

/** Registers a device. @returns its hub; undefined when DPS refuses it */
export async function register(credential: Credential, dps: Stack['dps']): Promise<string | undefined> {
  const operationId = await knock(credential, dps);
  if (operationId === undefined) return undefined;
  for (let polls = 0; polls < 30; polls++) {
    const { status, body } = await ask(credential, dps, 'GET', `operations/${operationId}`);
    if (status === 200 && body.status === 'assigned') return body.registrationState?.assignedHub;
    if (status === 401 || (status === 200 && body.status === 'disabled')) return undefined;
    if (status !== 202 && status !== 429) break;
    await sleep(1_000);
  }
  throw new Error(`DPS did not assign ${credential.deviceId}.`);
}

async function ask(
  { deviceId, chainPem, keyPem }: Credential,
  { host, port, idScope }: Stack['dps'],
  method: 'PUT' | 'GET',
  act: string,
): Promise<{ readonly status: number; readonly body: DpsAnswer }> {
  const asked = request({
    ...{ host, port, method, cert: chainPem, key: keyPem, agent: false },
    path: `/${idScope}/registrations/${deviceId}/${act}?api-version=2021-06-01`,
    headers: { 'content-type': 'application/json' },
  });
  asked.end(method === 'PUT' ? JSON.stringify({ registrationId: deviceId }) : undefined);
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  const text = Buffer.concat(await Array.fromAsync(answer as AsyncIterable<Buffer>)).toString();
  return { status: answer.statusCode ?? 0, body: text === '' ? {} : (JSON.parse(text) as DpsAnswer) };
}
