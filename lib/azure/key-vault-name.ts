import { createHash } from 'node:crypto';
import { FleetError } from '../errors.ts';

/** 1 to 127 of 0-9, a-z, A-Z and "-". https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#objects-identifiers-and-versioning */
const longestName = 127;

/** Hex digits of SHA-256 that stand for the part of a name that is too long; 160 bits do not collide. */
const digestDigits = 40;

/** Names of CA keys are made of group ids, which may hold ".", "_" and "-". */
const ourName = /^[a-z0-9][a-z0-9._-]*$/;

const escapes: Readonly<Record<string, string>> = { '-': '--', '.': '-p', _: '-u' };

/**
 * The name a CA key has in a vault: "-" is written "--", "." is "-p" (period), "_" is "-u" (underscore), and the rest stays
 * as it is: `issuing-line7-1` is `issuing--line7--1`. A name that would exceed 127 characters ends in "-x" and a digest of
 * the whole name. Each escape is told by the character after its "-", so no two names of ours share one in the vault, which
 * compares names without case.
 * @throws FleetError `internal` for a name that is none of ours
 */
export function vaultKeyName(name: string): string {
  if (!ourName.test(name)) throw new FleetError('internal', `A CA key cannot be called "${name.slice(0, 128)}".`);
  const parts = [...name].map((character) => escapes[character] ?? character);
  const whole = parts.join('');
  if (whole.length <= longestName) return whole;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, digestDigits);
  let beginning = '';
  // Cut between characters and never inside an escape, or "-" and "-x…" together would read as "--" and "x…".
  for (const part of parts) {
    if (beginning.length + part.length > longestName - digestDigits - 2) break;
    beginning += part;
  }
  return `${beginning}-x${digest}`;
}
