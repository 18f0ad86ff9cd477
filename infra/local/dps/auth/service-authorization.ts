import type { Call } from '../http/router.ts';
import { dpsError } from '../http/service-error.ts';
import type { AccessRight, Settings } from '../options.ts';
import { coversResource, isExpired, isSignedBy, parseSharedAccessSignature } from './shared-access-signature.ts';

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
export function hostNameOf(call: Call): string {
  return (call.header('host') ?? '').replace(/:\d+$/, '').toLowerCase();
}

export function isAcceptedBearer(header: string, accepted: Settings['bearerTokens']): boolean {
  const [, token] = /^Bearer\s+(\S+)$/i.exec(header) ?? [];
  return token !== undefined && (accepted === 'any' || accepted.includes(token));
}
