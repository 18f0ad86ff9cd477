import * as z from 'zod';

/** App roles, from lowest to highest. infra/azure/app-roles.json declares them in Microsoft Entra. */
export const roles = ['reader', 'submitter', 'operator'] as const;
export type Role = (typeof roles)[number];

/** The user or application that Microsoft Entra signed in. */
export interface Principal {
  /** Object id in the directory. It does not change while the account exists. */
  readonly id: string;
  /** A user's name, or an application's client id. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** All that the setting GROUP_ROLES may name: values of app roles, object ids of security groups, and `id`. */
  readonly mappable: readonly string[];
}

// Front ends allow 32 KB for all headers of a request, so built-in authentication cannot have sent a longer one.
const maxHeaderLength = 32 * 1024;

const document = z.object({
  auth_typ: z.literal('aad'),
  name_typ: z.string().optional(),
  role_typ: z.string().optional(),
  claims: z.array(z.object({ typ: z.string(), val: z.string() })),
});

/** Each claim has two names: the short one in the token, and the long one to which it may be mapped. */
const claimNames = {
  id: ['http://schemas.microsoft.com/identity/claims/objectidentifier', 'oid'],
  name: ['preferred_username', 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name', 'appid', 'azp'],
  role: ['roles', 'http://schemas.microsoft.com/ws/2008/06/identity/claims/role'],
  group: ['groups', 'http://schemas.microsoft.com/ws/2008/06/identity/claims/groups'],
} as const;

/**
 * Reads the header `x-ms-client-principal`: base64 of a JSON document with the token's claims. Built-in authentication sets
 * it on every request that it lets through. Where built-in authentication is off, any caller can send this header, so it
 * must not be read there. https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
 * @returns undefined when the header is absent or is not from Microsoft Entra
 */
export function parsePrincipal(header: string | null | undefined): Principal | undefined {
  if (!header || header.length > maxHeaderLength) return undefined;
  const parsed = document.safeParse(parseJson(Buffer.from(header, 'base64').toString('utf8')));
  if (!parsed.success) return undefined;
  const { claims, name_typ, role_typ } = parsed.data;
  const valuesOf = (names: readonly (string | undefined)[]) =>
    claims.filter((claim) => names.includes(claim.typ)).map((claim) => claim.val);
  const [id] = valuesOf(claimNames.id);
  if (id === undefined) return undefined;
  const held = new Set(valuesOf([...claimNames.role, role_typ]));
  const name = [name_typ, ...claimNames.name].flatMap((type) => valuesOf([type])).at(0) ?? id;
  const mappable = [...new Set([...held, ...valuesOf(claimNames.group), id])];
  return { id, name, roles: roles.filter((role) => held.has(role)), mappable };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
