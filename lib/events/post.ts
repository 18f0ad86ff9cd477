import { lookup } from 'node:dns/promises';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { isPrivateAddress, urlIssue } from '../groups/url-rule.ts';

/** The answer of a receiver. */
export interface PostAnswer {
  readonly status: number;
  /** Seconds, where the receiver asked to wait. */
  readonly retryAfter?: number;
}

export interface PostRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Posts a body once. @throws Error if no answer came, with the cause */
export type Post = (request: PostRequest) => Promise<PostAnswer>;

/** Milliseconds from the look-up of the name to the end of the answer. Standard Webhooks recommends 15 to 30 s. */
const postTimeoutMs = 15_000;

/**
 * Milliseconds for which a receiver that did not answer in time is not asked again. An instance makes four attempts at once
 * (host.json), and each of these takes 15 s: otherwise the events for one dead receiver would hold up those for all others.
 */
const silenceMs = 60_000;

/** Bytes of an answer that are read before the connection is closed. Nothing in it is used. */
const maxAnswerBytes = 16 * 1024;

export interface PostOptions {
  /** Receivers on this machine, over http too: for emulators and tests. */
  readonly allowPrivate: boolean;
  readonly timeoutMs?: number;
  readonly now?: () => Date;
  /** All addresses of a name. */
  readonly resolve?: (name: string) => Promise<readonly Address[]>;
}

export interface Address {
  readonly address: string;
  readonly family: number;
}

/**
 * Posts to addresses that operators gave. A name is resolved here, each of its addresses has to be on the internet, and the
 * connection goes to the address that was checked: a name that resolves to another address a moment later changes nothing
 * (OWASP "Server-side request forgery", DNS rebinding). Redirects are not followed. For a minute after a receiver did not answer
 * in time, posts to its host fail at once.
 */
export function createPost({
  allowPrivate,
  timeoutMs = postTimeoutMs,
  now = () => new Date(),
  resolve = resolveName,
}: PostOptions): Post {
  /** By host: until when it is not asked. As many as there are receivers that do not answer. */
  const silentUntil = new Map<string, number>();
  return async ({ url: text, headers, body }) => {
    const issue = urlIssue(text, { allowPrivate });
    if (issue !== undefined) throw new Error(`The URL ${issue}.`);
    const url = new URL(text);
    if (now().getTime() < (silentUntil.get(url.host) ?? 0)) {
      throw new Error('The receiver did not answer in time a moment ago. It is not asked for a minute.');
    }
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const address = await checkedAddress(url, resolve, { allowPrivate, signal });
      const answer = await send(url, address, { headers, body, signal });
      silentUntil.delete(url.host);
      return answer;
    } catch (error) {
      if (!signal.aborted) throw error;
      silentUntil.set(url.host, now().getTime() + silenceMs);
      throw new Error(`The receiver did not answer within ${timeoutMs / 1000} s.`);
    }
  };
}

async function resolveName(name: string): Promise<readonly Address[]> {
  return lookup(name, { all: true });
}

async function checkedAddress(
  { hostname }: URL,
  resolve: NonNullable<PostOptions['resolve']>,
  { allowPrivate, signal }: { readonly allowPrivate: boolean; readonly signal: AbortSignal },
): Promise<Address> {
  const name = hostname.replace(/^\[(.*)\]$/, '$1');
  // A look-up cannot be cancelled, so its end is not waited for.
  const timeout = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('timeout')), { once: true });
  });
  const addresses = await Promise.race([resolve(name), timeout]);
  const [first] = addresses;
  if (first === undefined) throw new Error(`The name ${name} has no address.`);
  if (!allowPrivate && addresses.some(({ address }) => isPrivateAddress(address))) {
    throw new Error(`The name ${name} resolves to a private address.`);
  }
  return first;
}

function send(
  url: URL,
  { address, family }: Address,
  { headers, body, signal }: Pick<PostRequest, 'headers' | 'body'> & { readonly signal: AbortSignal },
): Promise<PostAnswer> {
  const pinned: LookupFunction = (_name, options, found) => {
    if (options.all) found(null, [{ address, family }]);
    else found(null, address, family);
  };
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  const length = Buffer.byteLength(body).toString();
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      // Without an agent, no connection is kept for a later request.
      { method: 'POST', agent: false, lookup: pinned, signal, headers: { ...headers, 'content-length': length } },
      (answer) => {
        let bytes = 0;
        const end = () => {
          const retryAfter = Number(answer.headers['retry-after']);
          const status = answer.statusCode ?? 0;
          resolve(Number.isInteger(retryAfter) && retryAfter > 0 ? { status, retryAfter } : { status });
        };
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes <= maxAnswerBytes) return;
          end();
          sent.destroy();
        });
        answer.on('end', end);
        answer.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
