import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { certificateSha256 } from '../../lib/audit/certificates.ts';
import type { AuditAct } from '../../lib/audit/entry.ts';
import { type DpsTrust, groupTrust, rootTrust } from '../../lib/authorities/dps-cas.ts';
import type { ImportedCa } from '../../lib/authorities/imported-ca.ts';
import type { CaRegistry, CaUploadResult } from '../../lib/enrollment/ca-registration.ts';
import {
  listDpsCas,
  registerIssuingCa,
  registerRoot,
  unregisterFormerCas,
} from '../../lib/enrollment/ca-registration.ts';
import { asFleetError, type FleetError } from '../../lib/errors.ts';
import { defaultDps, dpsOf } from '../../lib/groups/dps-instance.ts';
import type { GroupRecord, IssuingCa } from '../../lib/groups/group.ts';
import type { KeyProtection } from '../../lib/pki/key-store.ts';
import { usageError } from '../errors.ts';
import type { Place } from './place.ts';

export type Verb = 'show' | 'check' | 'register' | 'unregister' | 'root' | 'csr' | 'import' | 'rollover';

/** A command with its options, and the group that it is about. */
export interface Arguments {
  readonly verb: Verb;
  readonly group?: string | undefined;
  readonly name?: string | undefined;
  readonly vouched?: true | undefined;
  readonly proof?: string | undefined;
  readonly certificate?: string | undefined;
  readonly chain?: string | undefined;
  readonly key?: string | undefined;
  readonly out?: string | undefined;
  readonly from?: number | undefined;
  readonly force?: true | undefined;
  readonly settings?: string | undefined;
  readonly dps?: string | undefined;
  readonly instance?: string | undefined;
}

/** The result of a command, as text and as JSON. */
export interface Result {
  readonly text: string;
  readonly json: object;
  /** The command was done and found something that an operator must fix. */
  readonly failed?: boolean;
  /** What its result in the audit trail shows: names, numbers and digests. */
  readonly audit?: AuditAct['details'];
}

type Work = (place: Place, args: Arguments) => Promise<Result>;

export const runVerb = {
  async show({ services, registry }: Place): Promise<Result> {
    const { value: root } = await services.authority.rootCa();
    const groups = [...(await services.groups.directory({ maxAgeSeconds: 0 })).values()].map(({ value }) => value);
    const inDps = (await registry?.list())?.map(({ name, isVerified, sha1Thumbprint }) => ({
      name,
      isVerified,
      sha1Thumbprint,
    }));
    const placeOf = (ca: KeyOfCa) => keyPlace(services.authority, ca);
    const rootView = {
      ...viewOf(root.certificatePem),
      key: root.keyName ?? null,
      ...(root.keyName !== undefined && (await placeOf({ ...root, keyName: root.keyName }))),
      registration: root.registration ?? null,
      ...(root.registrations !== undefined && { registrations: root.registrations }),
    };
    const groupViews = await Promise.all(
      groups.map(async (group) => {
        const { id, issuingCas } = groupViewOf(group);
        const places = await Promise.all(group.issuingCas.map(placeOf));
        return { id, issuingCas: issuingCas.map((ca, index) => ({ ...ca, ...places[index] })) };
      }),
    );
    const lines = [
      `root  ${rootView.subject}, until ${rootView.notAfter}, ${root.keyName === undefined ? 'key not in this deployment' : `key "${root.keyName}" ${keyText(rootView)}`}`,
      `      ${root.registration === undefined ? 'not registered with DPS: fleet ca register' : `in DPS as ${root.registration.name}`}`,
      ...Object.entries(root.registrations ?? {}).map(
        ([name, each]) => `      in DPS instance ${name} as ${each.name}`,
      ),
      ...groupViews.flatMap(({ id, issuingCas }) => [
        `group ${id}`,
        ...issuingCas.map(issuingCaLine),
        ...(issuingCas.length > 0 ? [] : ['      no issuing CA yet']),
      ]),
      ...(inDps ?? []).map(({ name, isVerified }) => `DPS   ${name}: ${isVerified ? 'verified' : 'not verified'}`),
    ];
    return {
      text: lines.join('\n'),
      json: { root: rootView, groups: groupViews, ...(inDps === undefined ? {} : { dps: inDps }) },
    };
  },

  async check({ services, registry, dpsInstance }: Place): Promise<Result> {
    const list = await listDpsCas({ ...services, registry: needed(registry), dpsInstance });
    const { value: root } = await services.authority.rootCa();
    const lists = new Map([[dpsInstance, list]]);
    const all = [...(await services.groups.directory({ maxAgeSeconds: 0 })).values()].map(({ value }) => value);
    const groups = all
      .filter(({ definition }) => dpsOf(definition) === dpsInstance)
      .map((group) => ({ id: group.id, issuingCas: groupTrust(group, root, lists) }));
    const ofRoot = rootTrust(root, list, dpsInstance);
    const failed = [ofRoot, ...groups.flatMap(({ issuingCas }) => issuingCas)].some(({ trusted }) => !trusted);
    const lines = [
      `root  ${trustText(ofRoot)}`,
      ...groups.flatMap(({ id, issuingCas }) => [
        `group ${id}`,
        ...issuingCas.map((ca) => `  CA ${ca.generation}  ${trustText(ca)}`),
        ...(issuingCas.length > 0 ? [] : ['      no issuing CA yet']),
      ]),
      ...(failed ? [`Register what is missing: fleet ca register [GROUP]${forInstance(dpsInstance)}`] : []),
    ];
    return {
      text: lines.join('\n'),
      json: { seenAt: list.seenAt, instance: dpsInstance, root: ofRoot, groups },
      failed,
    };
  },

  async register(place: Place, { group, name, vouched, proof }: Arguments): Promise<Result> {
    const { services, registry, dpsInstance } = place;
    const parts = { ...services, registry: needed(registry), dpsInstance };
    const options = { name, withoutProof: vouched === true, proofPem: await fileText(proof) };
    const outcome =
      group === undefined ? await registerRoot(parts, options) : await registerIssuingCa(parts, group, options);
    const audit = { state: outcome.state, name: outcome.name, dps: dpsInstance };
    return { text: outcomeText(outcome, dpsInstance), json: { ...outcome, instance: dpsInstance }, audit };
  },

  async unregister({ services, registry, dpsInstance }: Place, args: Arguments): Promise<Result> {
    const parts = { ...services, registry: needed(registry), dpsInstance };
    const { removed, kept } = await unregisterFormerCas(parts, groupOf(args));
    const lines = [
      ...removed.map((name) => `${name}: removed from DPS`),
      ...kept.map((name) => `${name}: kept, because another group uses the certificate`),
    ];
    return {
      text: lines.join('\n') || 'DPS has none of its CAs by name.',
      json: { removed, kept },
      audit: { removed, kept },
    };
  },

  async root({ services }: Place, args: Arguments): Promise<Result> {
    const { certificatePem, keyName } = await services.authority.adoptRoot(await outsideCa(args));
    const view = { ...viewOf(certificatePem), key: keyName ?? null };
    const how =
      keyName === undefined
        ? 'its key is not in this deployment. Sign issuing CAs with it elsewhere (csr, import)'
        : `its key is "${keyName}"`;
    return {
      text: `The root is ${view.subject}; ${how}.\nRegister it with DPS: fleet ca register --name NAME. Groups keep their issuing CA until they roll over.`,
      json: { root: view },
      audit: { caSha256: certificateSha256(certificatePem), hasKey: keyName !== undefined },
    };
  },

  async csr({ services }: Place, args: Arguments): Promise<Result> {
    const { out } = args;
    const group = groupOf(args);
    const { requestPem, generation } = await services.groups.requestIssuingCa(group);
    if (out !== undefined) await writeFile(out, requestPem);
    const text =
      out === undefined ? requestPem.trimEnd() : `The request for CA ${generation} of ${group} is in ${out}.`;
    return { text, json: { group, generation, request: requestPem }, audit: { caGeneration: generation } };
  },

  async import({ services }: Place, args: Arguments): Promise<Result> {
    const { from, force } = args;
    return changed(
      await services.groups.importIssuingCa(groupOf(args), await outsideCa(args), { from, force: force === true }),
    );
  },

  async rollover({ services }: Place, args: Arguments): Promise<Result> {
    const { from, force } = args;
    return changed(await services.groups.rollOver(groupOf(args), { from, force: force === true }));
  },
} as const satisfies Readonly<Record<Verb, Work>>;

const trustText = ({ trusted, text }: DpsTrust): string => `${trusted ? 'ok    ' : 'FAULT '} ${text}`;

function changed({ group, pending }: { group: GroupRecord; pending?: FleetError }): Result {
  const view = groupViewOf(group);
  const [ca] = group.issuingCas;
  const state =
    pending === undefined
      ? 'DPS has the change.'
      : `DPS does not have the change yet: ${pending.message}\nhint: ${pending.hint}`;
  return {
    text: [`group ${group.id}`, ...view.issuingCas.map(issuingCaLine), state].join('\n'),
    json: { ...view, ...(pending === undefined ? {} : { pending: { code: pending.code, message: pending.message } }) },
    audit: ca && { caGeneration: ca.generation, caSha256: certificateSha256(ca.certificatePem) },
  };
}

function groupViewOf({ id, issuingCas }: GroupRecord) {
  return {
    id,
    issuingCas: issuingCas.map(({ certificatePem, generation, keyName, registration }) => {
      return { generation, ...viewOf(certificatePem), key: keyName, registration: registration ?? null };
    }),
  };
}

type KeyOfCa = Pick<IssuingCa, 'certificatePem' | 'keyName'>;

/** Where the key of a CA is, or why it cannot be used. */
interface KeyPlace {
  readonly keyProtection?: KeyProtection;
  readonly keyProblem?: string;
}

/** Looks at the key itself: a vault can have keys of both kinds. */
async function keyPlace(authority: Place['services']['authority'], ca: KeyOfCa): Promise<KeyPlace> {
  try {
    return { keyProtection: await authority.checkKey(ca) };
  } catch (error) {
    return { keyProblem: asFleetError(error).message };
  }
}

const keyPlaces: Readonly<Record<KeyProtection, string>> = {
  hsm: 'in an HSM',
  software: 'in software in a vault',
  file: 'in a file',
};

/** @example 'in an HSM' */
function keyText({ keyProtection, keyProblem }: KeyPlace): string {
  return keyProtection === undefined ? `cannot be used: ${keyProblem ?? ''}` : keyPlaces[keyProtection];
}

function viewOf(certificatePem: string) {
  const { subject = '', issuer = '', validToDate, fingerprint, fingerprint256 } = new X509Certificate(certificatePem);
  const line = (name: string) => name.split('\n').join(', ');
  return {
    ...{ subject: line(subject), issuer: line(issuer), notAfter: validToDate.toISOString() },
    sha1Thumbprint: fingerprint.replaceAll(':', ''),
    sha256Thumbprint: fingerprint256.replaceAll(':', ''),
  };
}

function issuingCaLine(ca: ReturnType<typeof groupViewOf>['issuingCas'][number] & KeyPlace, index: number): string {
  const { generation, subject, issuer, notAfter, registration, keyProtection, keyProblem } = ca;
  const state = index === 0 ? 'current' : 'still accepted';
  const name = registration === null ? '' : `, in DPS as ${registration.name}`;
  const isLookedAt = keyProtection !== undefined || keyProblem !== undefined;
  const key = isLookedAt ? `, key ${keyText(ca)}` : '';
  return `  CA ${generation}  ${subject}, by ${issuer}, until ${notAfter} (${state}${name}${key})`;
}

/** The option that names an instance, with a blank before it. Empty for `default`. */
const forInstance = (name: string): string => (name === defaultDps ? '' : ` --instance ${name}`);

function outcomeText(outcome: CaUploadResult, dpsInstance: string): string {
  if (outcome.state === 'verified') {
    return `DPS holds the CA as ${outcome.name}, verified${outcome.already ? ' already' : ''}.`;
  }
  return `DPS holds the CA as ${outcome.name}, not verified. To prove possession, sign a certificate with the CA key. Its common name must be
  ${outcome.code}
Then: fleet ca register --name ${outcome.name} --proof FILE${forInstance(dpsInstance)}`;
}

function groupOf({ group }: Arguments): string {
  if (group === undefined) throw usageError('The group is missing.');
  return group;
}

async function outsideCa({ certificate, chain, key }: Arguments): Promise<ImportedCa> {
  if (certificate === undefined) throw usageError('--certificate FILE is required.');
  return {
    certificate: await readFile(certificate, 'utf8'),
    chain: await fileText(chain),
    privateKey: await fileText(key),
  };
}

async function fileText(path: string | undefined): Promise<string | undefined> {
  return path === undefined ? undefined : readFile(path, 'utf8');
}

function needed(registry: CaRegistry | undefined): CaRegistry {
  if (registry === undefined) throw usageError('--dps ID is missing: the resource id of the provisioning service.');
  return registry;
}
