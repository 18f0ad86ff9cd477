import { createHmac } from 'node:crypto';

/*
 * Standard Webhooks, symmetric: HMAC-SHA256 over id, timestamp and body.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */

const prefix = 'whsec_';

/** Bytes. The specification asks for 24 to 64. */
export const secretBytes = 32;

/** @returns a secret as receivers take it: `whsec_` and base64 */
export function webhookSecret(bytes: Uint8Array): string {
  return `${prefix}${Buffer.from(bytes).toString('base64')}`;
}

/**
 * The headers of a webhook.
 * @param id the id of the event: the same for each attempt, so a receiver can tell a repetition
 * @param secrets one signature each, so that a receiver can change its secret at any time of a rotation
 */
export function webhookHeaders(
  { id, at, body }: { readonly id: string; readonly at: Date; readonly body: string },
  secrets: readonly string[],
): Readonly<Record<string, string>> {
  const timestamp = Math.floor(at.getTime() / 1000).toString();
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(prefix.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
