import { createHmac, timingSafeEqual } from 'node:crypto';
import type { RateLimiter } from '../rate-limiter.ts';
import { apiVersionOf, throttled } from './http/conventions.ts';
import type { Answer, Call } from './http/server.ts';
import { dpsError, ServiceError } from './http/service-error.ts';
import type { AccessRight, LinkedHub, Settings } from './options.ts';

/** A `SharedAccessSignature …` header taken apart; the order of its fields is free. */
export interface SharedAccessSignature {
  /** The resource exactly as it stands in the header: clients differ in whether they encode it, and this text is what they sign. */
  readonly signedResource: string;
  /** The resource decoded, in lower case. */
  readonly resource: string;
  readonly signature: Buffer;
  /** Unix seconds. */
  readonly expiry: string;
  readonly policyName: string | undefined;
}

/** https://learn.microsoft.com/azure/iot-dps/how-to-control-access#security-tokens; undefined when it is none. */
export function parseSharedAccessSignature(header: string): SharedAccessSignature | undefined {
  const [, text] = /^SharedAccessSignature\s+(\S+)$/i.exec(header.trim()) ?? [];
  if (text === undefined) return undefined;
  const fields = new Map(
    text.split('&').map((field): [string, string] => {
      const mark = field.indexOf('=');
      return mark < 0 ? [field, ''] : [field.slice(0, mark), field.slice(mark + 1)];
    }),
  );
  const sr = fields.get('sr');
  const sig = fields.get('sig');
  const se = fields.get('se');
  if (!sr || !sig || !se || !/^\d{1,12}$/.test(se)) return undefined;
  try {
    return {
      signedResource: sr,
      resource: decodeURIComponent(sr).toLowerCase(),
      signature: Buffer.from(decodeURIComponent(sig), 'base64'),
      expiry: se,
      policyName: fields.get('skn') || undefined,
    };
  } catch {
    return undefined;
  }
}

/** Whether one of the keys (base64) made the signature. */
export function isSignedBy(token: SharedAccessSignature, keys: readonly (string | undefined)[]): boolean {
  return keys.some((key) => {
    if (!key) return false;
    const expected = createHmac('sha256', Buffer.from(key, 'base64'))
      .update(`${token.signedResource}\n${token.expiry}`)
      .digest();
    return expected.length === token.signature.length && timingSafeEqual(expected, token.signature);
  });
}

export function isExpired(token: SharedAccessSignature, now: Date): boolean {
  return Number(token.expiry) * 1000 <= now.getTime();
}

/** Whether the token's resource is the host alone or a path prefix, by whole segments, of what is asked for. */
function coversResource(token: SharedAccessSignature, hostNames: readonly string[], path: string): boolean {
  return hostNames.some((hostName) => {
    const asked = `${hostName}${path}`.toLowerCase().replace(/\/+$/, '');
    const granted = token.resource.replace(/\/+$/, '');
    return asked === granted || asked.startsWith(`${granted}/`);
  });
}

/** Lets a service API call pass that may do what needs the right; throws 401 otherwise. */
export type AuthorizeService = (call: Call, right: AccessRight) => void;

export function createServiceAuthorization({
  policies,
  serviceHostName,
  bearerTokens,
  now,
}: Pick<Settings, 'policies' | 'serviceHostName' | 'bearerTokens' | 'now'>): AuthorizeService {
  return (call, right) => {
    const header = call.header('authorization');
    if (!header) throw dpsError(401, 'Unauthorized. The Authorization header is missing.');
    if (isAcceptedBearer(header, bearerTokens)) return;
    const token = parseSharedAccessSignature(header);
    if (!token) throw dpsError(401, 'Unauthorized. Expected a shared access signature or an accepted bearer token.');
    const policy = policies.find((each) => each.name === token.policyName);
    if (!policy || !isSignedBy(token, [policy.primaryKey, policy.secondaryKey])) {
      throw dpsError(401, 'Unauthorized. No policy of this name has a key that made the signature.');
    }
    if (isExpired(token, now())) throw dpsError(401, 'Unauthorized. The shared access signature has expired.');
    if (!coversResource(token, [serviceHostName, hostNameOf(call)], call.path)) {
      throw dpsError(401, 'Unauthorized. The shared access signature is for another resource.');
    }
    if (!policy.rights.includes(right))
      throw dpsError(401, `Unauthorized. The policy does not have the right ${right}.`);
  };
}

/** The Host header without its port. */
function hostNameOf(call: Call): string {
  return (call.header('host') ?? '').replace(/:\d+$/, '').toLowerCase();
}

export function isAcceptedBearer(header: string, accepted: Settings['bearerTokens']): boolean {
  const [, token] = /^Bearer\s+(\S+)$/i.exec(header) ?? [];
  return token !== undefined && (accepted === 'any' || accepted.includes(token));
}

/** Puts the checks that every service API operation shares before its handler. */
export type Guard = (right: AccessRight, handle: (call: Call, apiVersion: string) => Answer) => (call: Call) => Answer;

export function createGuard({
  authorize,
  operations,
}: {
  authorize: AuthorizeService;
  operations: RateLimiter;
}): Guard {
  return (right, handle) => (call) => {
    authorize(call, right);
    // Only calls of callers who may call count: a stranger cannot use up the quota.
    const wait = operations.acquire();
    if (wait > 0) throw throttled(wait);
    return handle(call, apiVersionOf(call));
  };
}

/** The policy that azure-iothub's registry uses; hubs of the emulator have no other. */
const policyName = 'iothubowner';

/**
 * Which hubs a call is for: the one whose name the Host header or the signed resource has. A client that only knows
 * `localhost` means whichever hub has the device; it gets all hubs whose key it signed with.
 * Throws 401 when the signature is none of theirs.
 */
export function createHubAuthorization({ hubs, bearerTokens, now }: Pick<Settings, 'hubs' | 'bearerTokens' | 'now'>) {
  return (call: Call): readonly LinkedHub[] => {
    const header = call.header('authorization') ?? '';
    const host = hostNameOf(call);
    const named = hubs.filter((hub) => hub.hostName.toLowerCase() === host);
    if (isAcceptedBearer(header, bearerTokens)) return named.length > 0 ? named : hubs;

    const token = parseSharedAccessSignature(header);
    if (!token) throw hubUnauthorized('Expected a shared access signature.');
    const [signedHost = ''] = token.resource.split('/');
    const meant = named.length > 0 ? named : hubs.filter((hub) => hub.hostName.toLowerCase() === signedHost);
    if (meant.length > 0 && signedHost !== host && signedHost !== meant[0]?.hostName.toLowerCase()) {
      throw hubUnauthorized('The shared access signature is for another resource.');
    }
    if (meant.length === 0 && signedHost !== host) throw hubUnauthorized('There is no such hub.');
    const opened = (meant.length > 0 ? meant : hubs).filter((hub) => isSignedBy(token, [hub.key]));
    if (token.policyName !== policyName || opened.length === 0) throw hubUnauthorized('The signature is not right.');
    if (isExpired(token, now())) throw hubUnauthorized('The shared access signature has expired.');
    return opened;
  };
}

function hubUnauthorized(reason: string): ServiceError {
  return new ServiceError(401, 'IotHubUnauthorizedAccess', `Unauthorized. ${reason}`);
}
