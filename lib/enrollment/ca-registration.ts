import { X509Certificate } from 'node:crypto';
import type { CertificateAuthority } from '../authorities/certificate-authority.ts';
import type { DpsCa, DpsCaList, DpsCaStore } from '../authorities/dps-cas.ts';
import { registrationName } from '../authorities/issuing-cas.ts';
import { FleetError } from '../errors.ts';
import { defaultDps, dpsOf } from '../groups/dps-instance.ts';
import type { GroupRecord, GroupStore } from '../groups/group.ts';
import { unknownGroup } from './group-directory.ts';
import type { Groups } from './groups.ts';

/**
 * The CA certificates that DPS has by name: its management API, not its service API. Adapter: lib/azure/dps-certificates.ts.
 * Every method throws FleetError `throttled`, `unavailable`, `ca-refused` (with DPS's answer) or `concurrent-change` (the
 * certificate changed since it was read).
 */
export interface CaRegistry {
  /** All CA certificates, verified or not. */
  list(): Promise<RegisteredCa[]>;
  /**
   * Uploads a certificate under a new name, or again under the name of `known`.
   * @param options.withoutProof marks the certificate as verified without a proof of possession
   */
  upload(
    name: string,
    certificatePem: string,
    options: { withoutProof: boolean; known?: RegisteredCa },
  ): Promise<RegisteredCa>;
  /** Requests a new code for the proof of possession. Earlier codes become void. @returns the code, and the CA's new etag */
  verificationCode(ca: RegisteredCa): Promise<{ code: string; ca: RegisteredCa }>;
  /** Submits the proof of possession: a certificate (PEM) signed by the CA, whose common name is the code. */
  verify(ca: RegisteredCa, proofPem: string): Promise<RegisteredCa>;
  /** Deletes the certificate. */
  remove(ca: RegisteredCa): Promise<void>;
}

/** A CA certificate as DPS has it. */
export interface RegisteredCa extends DpsCa {
  readonly etag: string;
}

export interface CaRegistrationServices {
  readonly authority: CertificateAuthority;
  readonly groupStore: GroupStore;
  readonly groups: Groups;
  /** The CA certificates of one DPS instance. */
  readonly registry: CaRegistry;
  /** The name of that instance. Default: `default`. */
  readonly dpsInstance?: string | undefined;
  readonly dpsCas: DpsCaStore;
  readonly now: () => Date;
}

/**
 * Asks DPS for all its CA certificates and stores the answer, from which GET /api/health then reports.
 * @throws FleetError the errors of CaRegistry and DpsCaStore
 */
export async function listDpsCas({
  registry,
  dpsInstance,
  dpsCas,
  now,
}: Pick<CaRegistrationServices, 'registry' | 'dpsInstance' | 'dpsCas' | 'now'>): Promise<DpsCaList> {
  // The time before the call: what happened during it is not known to be in the answer.
  const seenAt = now().toISOString();
  const certificates = (await registry.list()).map(({ name, sha1Thumbprint, isVerified }) => {
    return { name, sha1Thumbprint, isVerified };
  });
  const list = { seenAt, certificates };
  await dpsCas.keep(list, dpsInstance);
  return list;
}

export interface CaRegistrationOptions {
  /** Name in DPS. Default: `fleet-root`, or the group's id and the generation of its CA. */
  readonly name?: string | undefined;
  /** DPS marks the CA as verified without a proof of possession. */
  readonly withoutProof?: boolean | undefined;
  /** A proof (PEM) that was made elsewhere, for the code that an earlier call returned. */
  readonly proofPem?: string | undefined;
}

export type CaUploadResult =
  /** @property already - DPS had the certificate, verified, before this call */
  | { readonly state: 'verified'; readonly name: string; readonly already: boolean }
  /** DPS waits for a certificate with the common name `code`, signed by the CA. */
  | { readonly state: 'proof-needed'; readonly name: string; readonly code: string };

/**
 * Registers the root CA with DPS and records its name there. Devices can register only below a CA that DPS has verified,
 * so this has to be done once before anything else.
 * @throws FleetError `ca-invalid` when another certificate has the name, `concurrent-change` when the root was replaced
 * meanwhile, `ca-key-unusable`, and the errors of CaRegistry
 */
export async function registerRoot(
  services: CaRegistrationServices,
  options: CaRegistrationOptions = {},
): Promise<CaUploadResult> {
  const result = await uploadRoot(services, options);
  await listDpsCas(services);
  return result;
}

async function uploadRoot(
  { authority, groupStore, registry, dpsInstance: dps = defaultDps, now }: CaRegistrationServices,
  { name = 'fleet-root', withoutProof = false, proofPem }: CaRegistrationOptions,
): Promise<CaUploadResult> {
  const { certificatePem, keyName } = (await authority.rootCa()).value;
  const prove = async (code: string) => authority.prove(await authority.openRoot(), code);
  const result = await uploadCa(registry, {
    name,
    certificatePem,
    withoutProof,
    proofPem,
    prove: keyName === undefined ? undefined : prove,
  });
  if (result.state !== 'verified') return result;
  for (;;) {
    const { value, etag } = await authority.rootCa();
    if (value.certificatePem !== certificatePem) {
      throw new FleetError('concurrent-change', 'The root CA was replaced meanwhile. Register the new one too.');
    }
    const known = dps === defaultDps ? value.registration : value.registrations?.[dps];
    if (known?.name === result.name) return result;
    const registration = { name: result.name, at: now().toISOString() };
    const noted =
      dps === defaultDps ? { registration } : { registrations: { ...value.registrations, [dps]: registration } };
    const replaced = await groupStore.replaceRoot({ value: { ...value, ...noted }, etag });
    if (replaced !== undefined) return result;
  }
}

/**
 * Registers the current issuing CA of a group with DPS by name, and updates the group in DPS if it refers to its CAs by name.
 * @throws FleetError `not-found`, `ca-missing` when the group has no issuing CA yet, `ca-invalid` when another certificate
 * has the name, `ca-key-unusable`, and the errors of CaRegistry
 */
export async function registerIssuingCa(
  services: CaRegistrationServices,
  id: string,
  { name, withoutProof = false, proofPem }: CaRegistrationOptions = {},
): Promise<CaUploadResult> {
  const { authority, groups, registry, dpsInstance: dps = defaultDps } = services;
  const all = await groups.directory({ maxAgeSeconds: 0 });
  const group = all.get(id)?.value;
  if (group === undefined) throw unknownGroup('not-found', id, all.keys());
  if (dpsOf(group.definition) !== dps) throw inOtherDps(group, dps);
  const [ca] = group.issuingCas;
  if (ca === undefined) throw new FleetError('ca-missing', `Group "${id}" has no issuing CA yet.`);
  const result = await uploadCa(registry, {
    name: name ?? ca.registration?.name ?? registrationName(group, ca),
    certificatePem: ca.certificatePem,
    requireName: true,
    withoutProof,
    proofPem,
    prove: async (code) => authority.prove(await authority.open(ca), code),
  });
  if (result.state === 'verified') await groups.noteRegistration(id, ca, result.name);
  await listDpsCas(services);
  return result;
}

function inOtherDps({ id, definition }: GroupRecord, dps: string): FleetError {
  const own = dpsOf(definition);
  const message = `Enrollment group "${id}" is in DPS instance "${own}", and the CA would be registered in "${dps}". Repeat it with --instance ${own}.`;
  return new FleetError('method-conflict', message, { column: 'dps', value: dps });
}

/**
 * Removes the CAs of deleted groups of an id from DPS, where they were registered by name. Leaves a CA that another group or
 * the root of the fleet uses, and a name under which DPS has another certificate. A second run changes nothing.
 * @returns names in DPS
 * @throws FleetError `not-found` when no group of that id was deleted, and the errors of CaRegistry
 */
export async function unregisterFormerCas(
  services: Pick<CaRegistrationServices, 'groupStore' | 'registry' | 'dpsInstance' | 'dpsCas' | 'now'>,
  id: string,
): Promise<{ readonly removed: readonly string[]; readonly kept: readonly string[] }> {
  const { groupStore, registry } = services;
  const { formerCas = [] } = (await groupStore.read(id))?.value ?? {};
  if (formerCas.length === 0) throw new FleetError('not-found', `No enrollment group "${id}" with a CA was deleted.`);
  const inUse = await thumbprintsInUse(groupStore);
  const removed: string[] = [];
  const kept: string[] = [];
  for (const ca of await registry.list()) {
    const isFormer = formerCas.some(({ certificatePem, registration }) => {
      return registration?.name === ca.name && sha1Of(certificatePem) === ca.sha1Thumbprint;
    });
    if (!isFormer) continue;
    if (inUse.has(ca.sha1Thumbprint)) {
      kept.push(ca.name);
      continue;
    }
    await registry.remove(ca);
    removed.push(ca.name);
  }
  await listDpsCas(services);
  return { removed, kept };
}

/** SHA-1 of the root and of every CA that a group has, its issuers included. */
async function thumbprintsInUse(groupStore: GroupStore): Promise<ReadonlySet<string>> {
  const groups = await groupStore.all();
  const root = await groupStore.readRoot();
  const ofGroups = groups.flatMap(({ value }) => value.issuingCas.flatMap((ca) => [ca.certificatePem, ...ca.chainPem]));
  return new Set([...(root === undefined ? [] : [root.value.certificatePem]), ...ofGroups].map(sha1Of));
}

/** @returns upper-case hex */
function sha1Of(pem: string): string {
  return new X509Certificate(pem).fingerprint.replaceAll(':', '');
}

interface CaUpload {
  /** Name in DPS: letters, digits, "-", "." and "_". */
  readonly name: string;
  readonly certificatePem: string;
  /** The CA must have this name, as an enrollment group refers to it (`caReferences`). Otherwise any name will do. */
  readonly requireName?: boolean;
  readonly withoutProof: boolean;
  readonly proofPem?: string | undefined;
  /** Makes the proof of possession for a code. Absent when the CA's key is kept elsewhere. */
  readonly prove?: ((code: string) => Promise<string>) | undefined;
}

/** Attempts while another operator registers the same certificate. One of both is done within a few. */
const maxAttempts = 5;

/**
 * Brings a CA certificate into DPS, verified. Each step continues from what DPS has, so a run that was interrupted is
 * completed by the next one, and a second run changes nothing.
 * https://learn.microsoft.com/azure/iot-dps/how-to-verify-certificates
 */
async function uploadCa(registry: CaRegistry, upload: CaUpload): Promise<CaUploadResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await uploadOnce(registry, upload);
    } catch (error) {
      const overtaken = error instanceof FleetError && error.code === 'concurrent-change';
      if (!overtaken || attempt === maxAttempts) throw error;
    }
  }
}

async function uploadOnce(registry: CaRegistry, upload: CaUpload): Promise<CaUploadResult> {
  const { name, certificatePem, withoutProof, proofPem, prove } = upload;
  const known = findCa(await registry.list(), upload);
  if (known?.isVerified) return { state: 'verified', name: known.name, already: true };

  // A certificate that waits for its proof is uploaded again to verify it without one.
  const ca =
    known === undefined || withoutProof
      ? await registry.upload(known?.name ?? name, certificatePem, { withoutProof, known })
      : known;
  if (ca.isVerified) return { state: 'verified', name: ca.name, already: false };

  if (proofPem !== undefined) {
    await registry.verify(ca, proofPem);
    return { state: 'verified', name: ca.name, already: false };
  }

  const { code, ca: current } = await registry.verificationCode(ca);
  if (prove === undefined) return { state: 'proof-needed', name: ca.name, code };
  await registry.verify(current, await prove(code));
  return { state: 'verified', name: ca.name, already: false };
}

/**
 * @returns the certificate as DPS has it: under its name, else under another name unless the name is required
 * @throws FleetError `ca-invalid` when another certificate has the name
 */
function findCa(
  registered: readonly RegisteredCa[],
  { name, certificatePem, requireName = false }: CaUpload,
): RegisteredCa | undefined {
  const thumbprint = sha1Of(certificatePem);
  const same = registered.filter(({ sha1Thumbprint }) => sha1Thumbprint === thumbprint);
  // DPS compares names without case.
  const named = registered.find((ca) => ca.name.toLowerCase() === name.toLowerCase());
  if (named !== undefined && !same.includes(named)) {
    throw new FleetError(
      'ca-invalid',
      `DPS has another CA certificate under the name "${name}". Choose another name.`,
      {
        faults: [{ path: 'name', message: 'is taken by another certificate; give this one another name' }],
      },
    );
  }
  if (named !== undefined || requireName) return named;
  return same.find(({ isVerified }) => isVerified) ?? same[0];
}
