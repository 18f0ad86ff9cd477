import { X509Certificate } from 'node:crypto';
import { readCertificate } from '../pki/certificate.ts';
import { type GroupDefinition, pathLengthOf } from './definition.ts';
import type { IssuingCa } from './group.ts';

/** Who signs the identities of a group: a CA that each worker makes for itself below the issuing CA, or the issuing CA. */
export interface IssuanceChoice {
  readonly by: 'delegated' | 'direct';
  /** Why it is `direct` although the group or the deployment is for `delegated`, and what to do. */
  readonly reason?: string;
}

type Declared = Pick<GroupDefinition, 'issuance' | 'enrollment' | 'edgeCa' | 'target' | 'est'>;

/**
 * Decides who signs the identities of a group.
 *
 * Absent, `issuance` is `delegated` where CA keys are in a Key Vault: that signs 200 to 400 times in a second and charges for each.
 * An individual enrollment is direct: DPS compares the certificate itself, so a disabled enrollment group on a delegated CA would
 * not stop it, and DPS takes fewer enrollments than a vault signs.
 *
 * An issuing CA that is too short for a delegated CA below it, such as one of an earlier version, stays and issues directly until
 * the group is rolled over.
 * @param options.issuingCa absent while the group has none: the CA that is made then has the room if its root allows it
 * @example
 * issuanceOf(definition, { usesKeyVault: true, issuingCa }) // { by: 'direct', reason: 'Issuing CA 1 has path length 0, …' }
 */
export function issuanceOf(
  definition: Declared,
  { usesKeyVault, issuingCa }: { readonly usesKeyVault: boolean; readonly issuingCa?: IssuingCa | undefined },
): IssuanceChoice {
  if (!isForDelegated(definition, usesKeyVault)) return { by: 'direct' };
  const reason = issuingCa && shortage(issuingCa, pathLengthOf(definition) + 1);
  return reason === undefined ? { by: 'delegated' } : { by: 'direct', reason };
}

function isForDelegated({ issuance, enrollment }: Declared, usesKeyVault: boolean): boolean {
  if (enrollment === 'individual') return false;
  return (issuance ?? (usesKeyVault ? 'delegated' : 'direct')) === 'delegated';
}

/**
 * The path length of a new issuing CA of the group: room for all that it signs, and for delegated CAs where the group issues by
 * them and its root has the room.
 * @param root the CA that signs it, PEM
 */
export function newPathLength(definition: Declared, usesKeyVault: boolean, root?: string): number {
  const needed = pathLengthOf(definition);
  if (!isForDelegated(definition, usesKeyVault)) return needed;
  const allowed = root === undefined ? Number.POSITIVE_INFINITY : pathLengthIn(root);
  return allowed > needed + 1 ? needed + 1 : needed;
}

/** @param needed path length that the CA needs. @returns what is missing; undefined when nothing is */
function shortage({ certificatePem, chainPem, generation }: IssuingCa, needed: number): string | undefined {
  const own = pathLengthIn(certificatePem);
  const name = `Issuing CA ${generation}`;
  if (own < needed)
    return `${name} has path length ${own}, and delegated CAs below it need ${needed}. Roll the group over.`;
  const above = chainPem.findIndex((pem, index) => pathLengthIn(pem) < needed + index + 1);
  const pem = chainPem[above];
  if (pem === undefined) return undefined;
  const [found, expected] = [pathLengthIn(pem), needed + above + 1];
  return `A CA above ${name} has path length ${found}, and delegated CAs need ${expected}. Import a chain that has the room.`;
}

/** How many CAs a certificate allows below it. */
function pathLengthIn(pem: string): number {
  const { basicConstraints } = readCertificate(new X509Certificate(pem).raw);
  return basicConstraints?.pathLength ?? Number.POSITIVE_INFINITY;
}
