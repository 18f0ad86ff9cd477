import { hostname, userInfo } from 'node:os';
import type { TokenCredential } from '@azure/identity';

/** Who runs a command on this machine, for the audit trail. */
export function localOperator(): string {
  return `${userInfo().username} on ${hostname()}`;
}

/**
 * Who runs a command with `az login`, as entries of requests name a caller: `name (object id)`. The claims are read and not
 * checked: the storage checks the token, and an operator who can write entries can write any name.
 * https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
 */
export async function signedInOperator(credential: TokenCredential): Promise<string> {
  const { token = '' } = (await credential.getToken('https://storage.azure.com/.default')) ?? {};
  const [, payload = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString() || '{}') as Record<string, unknown>;
  const [name] = ['upn', 'unique_name', 'app_displayname', 'appid'].map((claim) => claims[claim]).filter(isText);
  const { oid } = claims;
  return `${name ?? localOperator()}${isText(oid) ? ` (${oid})` : ''}`;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
