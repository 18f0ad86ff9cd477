import { X509Certificate } from 'node:crypto';
import type { CertificateAuthority } from '../authorities/certificate-authority.ts';
import { registrationName } from '../authorities/issuing-cas.ts';
import { FleetError } from '../errors.ts';
import type { GroupStore } from '../groups/group.ts';
import type { Groups } from './groups.ts';

/**
 * CA certificates that DPS knows by name (the management side of DPS, not its service API).
 * Adapter: lib/azure/dps-certificates.ts. Every method throws FleetError `throttled`, `unavailable`,
 * `ca-refused` (with DPS's answer) or `concurrent-change` (somebody else changed the certificate meanwhile).
 */
export interface CaRegistry {
  /** All of them, verified or not. */
  list(): Promise<RegisteredCa[]>;
  /**
   * Uploads a certificate under a new name, or again under that of `known`.
   * @param options `vouched`: DPS takes it for verified without a proof
   */
  upload(
    name: string,
    certificatePem: string,
    options: { vouched: boolean; known?: RegisteredCa },
  ): Promise<RegisteredCa>;
  /** A new code for the proof of possession; one that was given before is void from then on. */
  verificationCode(ca: RegisteredCa): Promise<{ code: string; ca: RegisteredCa }>;
  /** Shows the proof: a certificate whose common name is the code, signed by the CA. */
  verify(ca: RegisteredCa, proofPem: string): Promise<RegisteredCa>;
}

export interface RegisteredCa {
  readonly name: string;
  /** SHA-1, upper-case hex: DPS names certificates so here. */
  readonly sha1Thumbprint: string;
  readonly isVerified: boolean;
  readonly etag: string;
}

export interface CaUpload {
  /** Name in DPS: letters, digits, "-", "." and "_". */
  readonly name: string;
  readonly certificatePem: string;
  /**
   * Makes the proof of possession for a code; absent when the CA's key is not at hand. DPS then either takes our word
   * (`vouched`), or waits until a proof that was made elsewhere is given (`proofPem`).
   */
  readonly prove?: ((code: string) => Promise<string>) | undefined;
  readonly vouched?: boolean;
  readonly proofPem?: string | undefined;
  /** The name itself matters (caReferences), not only that DPS knows the certificate under some name. */
  readonly exactName?: boolean;
}

export type CaUploadResult =
  | { readonly state: 'verified'; readonly name: string; readonly already: boolean }
  /** A certificate with this common name, signed by the CA, is what DPS waits for. */
  | { readonly state: 'proof-needed'; readonly name: string; readonly code: string };

/** Somebody else works on the same certificate at the same time; a few rounds are enough for one of both to be done. */
const maxTries = 5;

/**
 * Makes DPS hold a CA certificate, verified. Each step looks at what is there and goes on from it, so a run that was cut
 * is finished by the next, and a second run changes nothing.
 * https://learn.microsoft.com/azure/iot-dps/how-to-verify-certificates
 * @throws FleetError `ca-invalid` when the name is taken by another certificate, `ca-refused` with DPS's own answer
 */
async function registerCa(registry: CaRegistry, registration: CaUpload): Promise<CaUploadResult> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt(registry, registration);
    } catch (error) {
      if (!(error instanceof FleetError) || error.code !== 'concurrent-change' || tries === maxTries) throw error;
    }
  }
}

async function attempt(registry: CaRegistry, registration: CaUpload): Promise<CaUploadResult> {
  const { name, certificatePem, prove, vouched = false, proofPem } = registration;
  const known = find(await registry.list(), registration);
  if (known?.isVerified) return { state: 'verified', name: known.name, already: true };
  // Uploading again is how a certificate that waits for its proof is vouched for instead.
  const ca =
    known === undefined || vouched
      ? await registry.upload(known?.name ?? name, certificatePem, {
          vouched,
          ...(known === undefined ? {} : { known }),
        })
      : known;
  if (ca.isVerified) return { state: 'verified', name: ca.name, already: false };
  if (proofPem !== undefined) {
    await registry.verify(ca, proofPem);
    return { state: 'verified', name: ca.name, already: false };
  }
  const { code, ca: asked } = await registry.verificationCode(ca);
  if (prove === undefined) return { state: 'proof-needed', name: ca.name, code };
  await registry.verify(asked, await prove(code));
  return { state: 'verified', name: ca.name, already: false };
}

function find(all: readonly RegisteredCa[], { name, certificatePem, exactName = false }: CaUpload) {
  const thumbprint = new X509Certificate(certificatePem).fingerprint.replaceAll(':', '');
  const same = all.filter(({ sha1Thumbprint }) => sha1Thumbprint === thumbprint);
  // DPS compares names without case.
  const named = all.find((ca) => ca.name.toLowerCase() === name.toLowerCase());
  if (named !== undefined && !same.includes(named)) {
    throw new FleetError('ca-invalid', `DPS has another CA certificate under the name "${name}".`, {
      faults: [{ path: 'name', message: 'is taken by another certificate; give this one another name' }],
    });
  }
  return named ?? (exactName ? undefined : (same.find(({ isVerified }) => isVerified) ?? same[0]));
}

export interface CaRegistrationServices {
  readonly authority: CertificateAuthority;
  readonly groupStore: GroupStore;
  readonly groups: Groups;
  readonly registry: CaRegistry;
  readonly now: () => Date;
}

export interface CaRegistrationOptions {
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
  { authority, groupStore, registry, now }: CaRegistrationServices,
  { name = 'fleet-root', vouched = false, proofPem }: CaRegistrationOptions = {},
): Promise<CaUploadResult> {
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
  { authority, groups, registry }: CaRegistrationServices,
  id: string,
  { name, vouched = false, proofPem }: CaRegistrationOptions = {},
): Promise<CaUploadResult> {
  const group = (await groups.directory({ maxAgeSeconds: 0 })).get(id)?.value;
  if (group === undefined) throw new FleetError('not-found', `There is no enrollment group "${id}".`);
  const [ca] = group.issuingCas;
  if (ca === undefined) throw new FleetError('ca-missing', `Group "${id}" has no issuing CA yet.`);
  const outcome = await registerCa(registry, {
    name: name ?? ca.registration?.name ?? registrationName(group, ca),
    certificatePem: ca.certificatePem,
    exactName: true,
    ...{ vouched, proofPem },
    prove: async (code) => authority.prove(await authority.open(ca), code),
  });
  if (outcome.state === 'verified') await groups.noteRegistration(id, ca, outcome.name);
  return outcome;
}
