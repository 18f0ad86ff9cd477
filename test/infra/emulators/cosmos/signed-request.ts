import { createHmac } from 'node:crypto';
import type { RunningCosmos } from './start-cosmos.ts';

export interface Sent {
  readonly method?: string;
  readonly path: string;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the client signs as the resource. Default: the path, without the last step of a feed. */
  readonly signed?: string;
}

/** Sends a correctly signed request that our SDK would not send. */
export function send(
  { endpoint, key }: Pick<RunningCosmos, 'endpoint' | 'key'>,
  { method = 'POST', path, body, headers, signed }: Sent,
): Promise<Response> {
  const steps = path.split('/').filter((step) => step !== '');
  const feed = steps.length % 2 === 1;
  const [type, link] = feed ? [steps.at(-1), steps.slice(0, -1).join('/')] : [steps.at(-2), steps.join('/')];
  const date = new Date().toUTCString();
  const resource = signed ?? decodeURIComponent(link ?? '');
  const text = `${method.toLowerCase()}\n${type ?? ''}\n${resource}\n${date.toLowerCase()}\n\n`;
  const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(text).digest('base64');
  const authorization = encodeURIComponent(`type=master&ver=1.0&sig=${signature}`);
  return fetch(`${endpoint}${path}`, {
    method,
    ...(body !== undefined && { body }),
    headers: { authorization, 'x-ms-date': date, ...headers },
  });
}
