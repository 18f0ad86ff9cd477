import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { serviceActor } from '../access/act.ts';
import type { WorkAction } from '../audit/actions.ts';
import { type Audit, audited, type Note } from '../audit/audit.ts';
import { certificateSha256 } from '../audit/certificates.ts';
import type { AuditAct } from '../audit/entry.ts';
import { FleetError } from '../errors.ts';
import type { GroupDefinition } from '../groups/definition.ts';
import { pathLengthOf } from '../groups/definition.ts';
import type { GroupStore, IssuingCa, RootCa } from '../groups/group.ts';
import { newPathLength } from '../groups/issuance.ts';
import { y2038Bound, y2038DateIssue } from '../groups/y2038.ts';
import { issueIntermediateCa, issueProofOfPossession, issueRootCa } from '../pki/authority.ts';
import { createCaRequest } from '../pki/ca-request.ts';
import { readCertificate } from '../pki/certificate.ts';
import type { Authority } from '../pki/issuer.ts';
import type { CaKeyType, KeyProtection, KeyStore } from '../pki/key-store.ts';
import { caKeyTypeOf } from '../pki/keys.ts';
import { newSerialNumber } from '../pki/serial.ts';
import { maxCommonNameLength } from '../pki/x509.ts';
import type { Versioned } from '../storage.ts';
import { currentTraceId } from '../telemetry.ts';
import { estCaGeneration } from './est-cas.ts';
import { acceptIssuingCa, acceptRoot, type ImportedCa } from './imported-ca.ts';

/** Makes the root and one issuing CA per group, or imports them from another PKI, and opens them for signing. */
export interface CertificateAuthority {
  /**
   * The root and the record of it. The first call makes the root, and every later one returns the same, until an operator
   * imports another.
   * @throws FleetError `ca-key-unusable`; `throttled` or `unavailable` from the key store
   */
  rootCa(): Promise<Versioned<RootCa>>;
  /**
   * The root with its key, ready to sign.
   * @throws FleetError `ca-missing` when its key is kept elsewhere; `ca-key-unusable`
   */
  openRoot(): Promise<Authority>;
  /**
   * Makes an operator's root the root of the fleet, with its key or without. Groups keep their issuing CA until their next
   * rollover.
   * @throws FleetError `ca-invalid` with all issues; `concurrent-change` when another root was stored at the same time
   */
  adoptRoot(root: ImportedCa): Promise<RootCa>;

  /**
   * A new issuing CA for the group, signed by the root.
   * @param generation from 1
   * @throws FleetError `ca-missing` when the group's CA, or the root's signature, comes from another PKI; `certificate-rule`;
   * `ca-key-unusable`
   */
  createIssuingCa(group: GroupDefinition, generation: number): Promise<IssuingCa>;
  /**
   * A CA for the certificates with which gateways of the group sign in to the EST server only (`est.idCa` "separate").
   * @throws FleetError `ca-missing` when the root's signature comes from another PKI; `certificate-rule`; `ca-key-unusable`
   */
  createEstCa(group: GroupDefinition, before: IssuingCa | undefined): Promise<IssuingCa>;
  /**
   * Checks whether `createIssuingCa` could make a CA for the group, as far as that shows without a key.
   * @throws FleetError `ca-missing`
   */
  foreseeIssuingCa(group: GroupDefinition): Promise<void>;
  /**
   * A request for the group's issuing CA, to be signed by another PKI. The first call makes the key; later ones use it again.
   * @returns PKCS#10, PEM
   * @throws FleetError `ca-key-unusable`
   */
  requestIssuingCa(group: GroupDefinition, generation: number): Promise<string>;
  /**
   * An issuing CA that another PKI signed, with the key of the request or with its own.
   * @throws FleetError `ca-invalid` with all issues; `ca-key-unusable`
   */
  adoptIssuingCa(group: GroupDefinition, generation: number, ca: ImportedCa): Promise<IssuingCa>;
  /** The issuing CA with its key, ready to sign. @throws FleetError `ca-key-unusable` */
  open(ca: IssuingCa): Promise<Authority>;

  /**
   * Looks at the key of a CA where it is stored: it may be gone while this process still has it open.
   * @returns where it is
   * @throws FleetError `ca-key-unusable`, `setting-invalid` when its file cannot be read
   */
  checkKey(ca: Pick<IssuingCa, 'certificatePem' | 'keyName'>): Promise<KeyProtection>;

  /**
   * A certificate that proves to DPS that we have the CA's key. Its common name is the verification code.
   * @returns PEM
   * @throws FleetError `certificate-rule`
   */
  prove(ca: Authority, verificationCode: string): Promise<string>;
}

/**
 * Whether the issuing CA may sign everything that the group's devices need, and the devices can read it. An Edge CA needs a
 * longer path, and IoT Edge 1.1 a CA that ends before 2038.
 */
export function issuingCaFits(group: GroupDefinition, ca: IssuingCa): boolean {
  const { pathLength = Number.POSITIVE_INFINITY } =
    readCertificate(new X509Certificate(ca.certificatePem).raw).basicConstraints ?? {};
  const readable = group.target !== 'iotedge-1.1' || y2038DateIssue(new Date(ca.notAfter)) === undefined;
  return readable && pathLength >= pathLengthOf(group);
}

export interface CertificateAuthorityOptions {
  readonly keys: KeyStore;
  readonly groups: GroupStore;
  /** Common name of the root that is made. */
  readonly rootName: string;
  /** Whether CA keys are in a Key Vault, where groups issue by delegated CAs by default (lib/groups/issuance.ts). Default: false. */
  readonly usesKeyVault?: boolean;
  /** Gets an entry for each CA that is made here, whatever asked for it. */
  readonly audit: Audit;
  readonly now: () => Date;
}

/** Longer than any issuing CA (7,300 days at most, by the group's schema), so that the root does not shorten their lives. */
const rootValidityDays = 30 * 365;

/** Name of the root's key, where the root is made here. */
const rootKeyName = 'root';

export function createCertificateAuthority(options: CertificateAuthorityOptions): CertificateAuthority {
  const { keys, groups, rootName, audit, now, usesKeyVault = false } = options;

  async function rootCa(): Promise<Versioned<RootCa>> {
    return (await groups.readRoot()) ?? audited(audit, caAct('create-root-ca', {}), makeRoot);
  }

  async function makeRoot(note: Note): Promise<Versioned<RootCa>> {
    const signer = await keys.signer(rootKeyName, 'ec-p384');
    const certificatePem = await issueRootCa({
      commonName: rootName,
      signer,
      validityDays: rootValidityDays,
      now: now(),
      serialNumber: newSerialNumber(),
    });
    note({ caSha256: certificateSha256(certificatePem) });
    // Two processes may both come here, in a vault even with different keys. The first certificate stored is the root, and
    // its public key finds the private one.
    return groups.keepRoot({ certificatePem, keyName: rootKeyName });
  }

  async function openRoot(): Promise<Authority> {
    const { certificatePem, keyName } = (await rootCa()).value;
    if (keyName === undefined) throw rootIsElsewhere();
    return { certificatePem, signer: await signerOf(keyName, certificatePem), chainPem: [] };
  }

  const signerOf = async (keyName: string, certificatePem: string) => {
    const { keyType, publicKey } = caKeyOf(certificatePem);
    return keys.signer(keyName, keyType, publicKey);
  };

  const requestedKey = (group: GroupDefinition, generation: number) =>
    keys.signer(keyNameOf(group, generation), group.issuingCa.keyType);

  async function makeIssuingCa(group: GroupDefinition, ca: NewCa, note: Note): Promise<IssuingCa> {
    const { generation, keyName, commonName, pathLengthUnder } = ca;
    const issuer = await openRoot();
    const key = await keys.signer(keyName, group.issuingCa.keyType);
    const certificatePem = await issueIntermediateCa({
      issuer,
      commonName,
      publicKey: key.publicKey,
      pathLength: pathLengthUnder(issuer.certificatePem),
      validityDays: group.issuingCa.validityDays,
      serialNumber: newSerialNumber(),
      now: now(),
    });
    note({ caSha256: certificateSha256(certificatePem), issuerSha256: certificateSha256(issuer.certificatePem) });
    const notAfter = new X509Certificate(certificatePem).validToDate.toISOString();
    return { certificatePem, chainPem: [issuer.certificatePem], generation, keyName, notAfter };
  }

  return {
    rootCa,
    openRoot,

    async adoptRoot(root) {
      // Room for one issuing CA below it. The room for Edge CAs is checked when a group needs it.
      const { certificatePem, keyType, privateKey } = acceptRoot(root, { pathLength: 1, now: now() });
      const keyName = privateKey === undefined ? undefined : importedName(privateKey);
      if (privateKey !== undefined && keyName !== undefined) await keys.importKey(keyName, keyType, privateKey);
      const value = { certificatePem, ...(keyName === undefined ? {} : { keyName }) };
      const current = (await groups.readRoot()) ?? (await groups.keepRoot(value));
      if (current.value.certificatePem === certificatePem && current.value.keyName === keyName) return current.value;
      const same = current.value.certificatePem === certificatePem ? current.value : {};
      const replaced = await groups.replaceRoot({ value: { ...same, ...value }, etag: current.etag });
      if (replaced === undefined)
        throw new FleetError('concurrent-change', 'Another root was stored at the same time.');
      return value;
    },

    async createIssuingCa(group, generation) {
      refuseOutside(group);
      const act = caAct('create-issuing-ca', { enrollmentGroup: group.id, caGeneration: generation });
      const [keyName, commonName] = [keyNameOf(group, generation), commonNameOf(group, generation)];
      const pathLengthUnder = (root: string) => newPathLength(group, usesKeyVault, root);
      const ca = { generation, keyName, commonName, pathLengthUnder };
      return audited(audit, act, (note) => makeIssuingCa(group, ca, note));
    },

    async createEstCa(group, before) {
      const act = caAct('create-issuing-ca', { enrollmentGroup: group.id, caGeneration: estCaGeneration });
      // Named after the one before it, so that a creation that was cut short uses its key again.
      const number = Number(before?.keyName.split('-').at(-1) ?? 0) + 1;
      const keyName = `est-${group.id}-${number}`;
      const commonName = `${group.id.slice(0, maxCommonNameLength - 16)} EST CA ${number}`;
      const ca = { generation: estCaGeneration, keyName, commonName, pathLengthUnder: () => 0 };
      return audited(audit, act, (note) => makeIssuingCa(group, ca, note));
    },

    async foreseeIssuingCa(group) {
      refuseOutside(group);
      const root = await groups.readRoot();
      // Without a root, the first CA makes it here.
      if (root !== undefined && root.value.keyName === undefined) throw rootIsElsewhere();
    },

    async requestIssuingCa(group, generation) {
      const signer = await requestedKey(group, generation);
      const pathLength = newPathLength(group, usesKeyVault);
      return createCaRequest({ commonName: commonNameOf(group, generation), signer, pathLength });
    },

    async adoptIssuingCa(group, generation, ca) {
      const requested = ca.privateKey === undefined ? await requestedKey(group, generation) : undefined;
      const root = await groups.readRoot();
      const { certificatePem, chainPem, keyType, privateKey, notAfter } = acceptIssuingCa(ca, {
        pathLength: pathLengthOf(group),
        publicKey: requested?.publicKey,
        knownIssuers: root === undefined ? [] : [root.value.certificatePem],
        endsBefore: group.target === 'iotedge-1.1' ? y2038Bound : undefined,
        now: now(),
      });
      const keyName = privateKey === undefined ? keyNameOf(group, generation) : importedName(privateKey);
      if (privateKey !== undefined) await keys.importKey(keyName, keyType, privateKey);
      return { certificatePem, chainPem, generation, keyName, notAfter };
    },

    async open(ca) {
      const signer = await signerOf(ca.keyName, ca.certificatePem);
      return { certificatePem: ca.certificatePem, signer, chainPem: ca.chainPem };
    },

    async checkKey({ keyName, certificatePem }) {
      const { keyType, publicKey } = caKeyOf(certificatePem);
      return keys.check(keyName, keyType, publicKey);
    },

    prove(issuer, verificationCode) {
      // The key of this certificate is not used: the proof is the signature on it.
      const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      return issueProofOfPossession({
        issuer,
        verificationCode,
        publicKey,
        serialNumber: newSerialNumber(),
        now: now(),
      });
    },
  };
}

/** What distinguishes a CA that is to be made. */
interface NewCa {
  readonly generation: number;
  readonly keyName: string;
  readonly commonName: string;
  /** Its path length below that root (PEM). */
  readonly pathLengthUnder: (root: string) => number;
}

function caAct(action: WorkAction, subject: AuditAct['subject']): AuditAct {
  return { action, by: serviceActor, subject, trace: currentTraceId() };
}

function refuseOutside({ id, issuingCa }: GroupDefinition): void {
  if (issuingCa.origin !== 'outside') return;
  throw new FleetError('ca-missing', `Group "${id}" has its issuing CA from outside, and has none yet.`);
}

function rootIsElsewhere(): FleetError {
  return new FleetError('ca-missing', 'The key of the root is kept elsewhere, so the root cannot sign here.');
}

/** The public key of a CA certificate. @throws FleetError `ca-key-unusable` for a type that no CA here signs with */
export function caKeyOf(certificatePem: string): { keyType: CaKeyType; publicKey: KeyObject } {
  const { publicKey } = new X509Certificate(certificatePem);
  const keyType = caKeyTypeOf(publicKey);
  if (keyType !== undefined) return { keyType, publicKey };
  throw new FleetError('ca-key-unusable', 'The key type of a CA certificate is not supported.');
}

const keyNameOf = ({ id }: GroupDefinition, generation: number) => `issuing-${id}-${generation}`;

/** An imported key is named after its public key, so two keys never have the same name. */
function importedName(privateKey: KeyObject): string {
  const info = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  return `imported-${createHash('sha256').update(info).digest('hex').slice(0, 32)}`;
}

/** A group id may be as long as a common name, so it is cut to leave 16 characters for the rest. */
const commonNameOf = ({ id }: GroupDefinition, generation: number) =>
  `${id.slice(0, maxCommonNameLength - 16)} issuing CA ${generation}`;
