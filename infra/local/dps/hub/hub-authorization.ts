import { hostNameOf, isAcceptedBearer } from '../auth/service-authorization.ts';
import { isExpired, isSignedBy, parseSharedAccessSignature } from '../auth/shared-access-signature.ts';
import type { Call } from '../http/router.ts';
import { ServiceError } from '../http/service-error.ts';
import type { LinkedHub, Settings } from '../options.ts';

/** The policy that azure-iothub's registry uses; hubs of the stand-in have no other. */
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
