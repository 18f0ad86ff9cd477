import type { CertificateAuthority } from '../authorities/certificate-authority.ts';
import { registrationName } from '../authorities/issuing-cas.ts';
import { FleetError } from '../errors.ts';
import type { CaRegistry } from './ca-registry.ts';
import type { GroupStore } from './group-store.ts';
import type { Groups } from './groups.ts';
import { type RegistrationOutcome, registerCa } from './register-ca.ts';

export interface RegistrationServices {
  readonly authority: CertificateAuthority;
  readonly groupStore: GroupStore;
  readonly groups: Groups;
  readonly registry: CaRegistry;
  readonly now: () => Date;
}

export interface RegistrationOptions {
  /** Name in DPS; one is made up where none is given. */
  readonly name?: string | undefined;
  /** DPS takes our word for it that the CA is ours. */
  readonly vouched?: boolean | undefined;
  /** A proof that was made elsewhere, for a code that an earlier run gave. */
  readonly proofPem?: string | undefined;
}

/**
 * Makes DPS trust the root, and notes that it does. A device gets in only below a CA that DPS knows as verified, so nothing
 * works before this was done once.
 */
export async function registerRoot(
  { authority, groupStore, registry, now }: RegistrationServices,
  { name = 'fleet-root', vouched = false, proofPem }: RegistrationOptions = {},
): Promise<RegistrationOutcome> {
  const { certificatePem, keyName } = (await authority.rootCa()).value;
  const prove = async (code: string) => authority.prove(await authority.openRoot(), code);
  const outcome = await registerCa(registry, {
    ...{ name, certificatePem, vouched, proofPem },
    prove: keyName === undefined ? undefined : prove,
  });
  if (outcome.state !== 'verified') return outcome;
  for (;;) {
    const { value, etag } = await authority.rootCa();
    if (value.certificatePem !== certificatePem) {
      throw new FleetError('concurrent-change', 'Another root came meanwhile; register that one too.');
    }
    if (value.registration?.name === outcome.name) return outcome;
    const registration = { name: outcome.name, at: now().toISOString() };
    if ((await groupStore.replaceRoot({ value: { ...value, registration }, etag })) !== undefined) return outcome;
  }
}

/** Makes DPS hold the current issuing CA of a group by name, verified, and refers the group to it where it is attested so. */
export async function registerIssuingCa(
  { authority, groups, registry }: RegistrationServices,
  id: string,
  { name, vouched = false, proofPem }: RegistrationOptions = {},
): Promise<RegistrationOutcome> {
  const group = (await groups.directory({ maxAgeSeconds: 0 })).get(id)?.value;
  if (group === undefined) throw new FleetError('not-found', `There is no enrollment group "${id}".`);
  const [ca] = group.issuingCas;
  if (ca === undefined) throw new FleetError('ca-missing', `Group "${id}" has no issuing CA yet.`);
  const outcome = await registerCa(registry, {
    name: name ?? ca.registration?.name ?? registrationName(group, ca),
    certificatePem: ca.certificatePem,
    exactName: true,
    ...{ vouched, proofPem },
    prove: async (code) => authority.prove(await authority.open(group.definition, ca), code),
  });
  if (outcome.state === 'verified') await groups.noteRegistration(id, ca, outcome.name);
  return outcome;
}
