import { createHmac, timingSafeEqual } from 'node:crypto';
import type { RateLimiter } from '../rate-limiter.ts';
import { apiVersionOf, hostNameOf, throttled } from './http/conventions.ts';
import type { Answer, Call } from './http/server.ts';
import { dpsError, type ServiceError } from './http/service-error.ts';
import { hubError } from './hub/hub-error.ts';
import type { AccessRight, LinkedHub, Settings } from './options.ts';

/** A parsed `SharedAccessSignature …` header. Its fields may have any order. */
export interface SharedAccessSignature {
  /** The resource exactly as in the header. Clients sign this text, and not all of them encode it. */
  readonly signedResource: string;
  /** The resource decoded, in lower case, without a port. */
  readonly resource: string;
  readonly signature: Buffer;
  /** Unix seconds. */
  readonly expiry: string;
  readonly policyName: string | undefined;
}

/**
 * Parses a header (https://learn.microsoft.com/azure/iot-dps/how-to-control-access#security-tokens).
 * @returns undefined if it is not a shared access signature
 */
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
      resource: withoutPort(decodeURIComponent(sr).toLowerCase()),
      signature: Buffer.from(decodeURIComponent(sig), 'base64'),
      expiry: se,
      policyName: fields.get('skn') || undefined,
    };
  } catch {
    return undefined;
  }
}

/** Clients that connect to another port sign the host name with it. */
function withoutPort(resource: string): string {
  return resource.replace(/^([^/:]+):\d+(?=\/|$)/, '$1');
}

/** @returns whether the signature was made with one of the keys (base64) */
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

/** @returns whether the resource of the token is the host, or a prefix of the path in whole segments */
function coversResource(token: SharedAccessSignature, hostNames: readonly string[], path: string): boolean {
  return hostNames.some((hostName) => {
    const asked = `${hostName}${path}`.toLowerCase().replace(/\/+$/, '');
    const granted = token.resource.replace(/\/+$/, '');
    return asked === granted || asked.startsWith(`${granted}/`);
  });
}

/** Checks that a call of the service API has a right. @throws ServiceError 401 */
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

export function isAcceptedBearer(header: string, accepted: Settings['bearerTokens']): boolean {
  const [, token] = /^Bearer\s+(\S+)$/i.exec(header) ?? [];
  return token !== undefined && (accepted === 'any' || accepted.includes(token));
}

/** Adds the checks of every service API operation to a handler: authorization, rate limit, API version. */
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
    // Count authorized calls only. Others must not use up the quota.
    const wait = operations.acquire();
    if (wait > 0) throw throttled(wait);
    return handle(call, apiVersionOf(call));
  };
}

/** The policy that the registry of azure-iothub uses. The hubs of the emulator have no other. */
const policyName = 'iothubowner';

/**
 * Creates the function that finds the hubs of a call: the hub named by the Host header or by the signed resource. A client that
 * uses `localhost` gets every hub whose key made the signature. The function throws ServiceError 401 if none did.
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
  return hubError('IotHubUnauthorizedAccess', `Unauthorized. ${reason}`);
}
