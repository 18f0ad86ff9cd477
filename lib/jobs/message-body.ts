import { FleetError } from '../errors.ts';

/**
 * The JSON value that a queue message carries. The host passes a message's text on as it is (host.json,
 * `messageEncoding: none`) and parses what is JSON; base64 of JSON, as Event Grid and many senders write it, is decoded here.
 * @throws FleetError `message-invalid`
 */
export function decodedBody(message: unknown): unknown {
  if (typeof message !== 'string') return message;
  const text = message.trim();
  try {
    return JSON.parse(/^[{["]/.test(text) ? text : Buffer.from(text, 'base64').toString('utf8'));
  } catch (error) {
    throw new FleetError('message-invalid', 'The message is neither JSON nor base64 of JSON.', {}, { cause: error });
  }
}

/** The message as one text, the same for the function that fails on it and for the one that records it. */
export function bodyText(message: unknown): string {
  return typeof message === 'string' ? message : JSON.stringify(message);
}
