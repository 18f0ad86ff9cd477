import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { certificateSha256 } from '../../../lib/audit/certificates.ts';
import type { AuditAct } from '../../../lib/audit/entry.ts';
import { type DpsTrust, groupTrust, rootTrust } from '../../../lib/authorities/dps-cas.ts';
import type { ImportedCa } from '../../../lib/authorities/imported-ca.ts';
import type { CaRegistry, CaUploadResult } from '../../../lib/enrollment/ca-registration.ts';
import {
  listDpsCas,
  registerIssuingCa,
  registerRoot,
  unregisterFormerCas,
} from '../../../lib/enrollment/ca-registration.ts';
import type { FleetError } from '../../../lib/errors.ts';
import type { GroupRecord } from '../../../lib/groups/group.ts';
import { type Arguments, UsageError, type Verb } from './arguments.ts';
import type { Place } from './place.ts';

/** The result of a command, as text and as JSON. */
export interface Result {
  readonly text: string;
  readonly json: unknown;
  /** The command was done and found something that an operator must fix. */
  readonly failed?: boolean;
  /** What its result in the audit trail shows: names, numbers and digests. */
  readonly audit?: AuditAct['details'];
}

type Run = (place: Place, args: Arguments) => Promise<Result>;

export const runVerb: Readonly<Record<Verb, Run>> = {
  async show({ services, registry }) {
    const { value: root } = await services.authority.rootCa();
    const groups = [...(await services.groups.directory({ maxAgeSeconds: 0 })).values()].map(({ value }) => value);
    const inDps = (await registry?.list())?.map(({ name, isVerified, sha1Thumbprint }) => ({
      name,
      isVerified,
      sha1Thumbprint,
    }));
    const rootView = {
      ...viewOf(root.certificatePem),
      key: root.keyName ?? null,
      registration: root.registration ?? null,
    };
    const groupViews = groups.map(groupViewOf);
    const lines = [
      `root  ${rootView.subject}, until ${rootView.notAfter}, ${root.keyName === undefined ? 'key not in this deployment' : `key "${root.keyName}"`}`,
      `      ${root.registration === undefined ? 'not registered with DPS: npm run ca -- register' : `in DPS as ${root.registration.name}`}`,
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

  async check({ services, registry }) {
    const list = await listDpsCas({ ...services, registry: needed(registry) });
    const { value: root } = await services.authority.rootCa();
    const groups = [...(await services.groups.directory({ maxAgeSeconds: 0 })).values()].map(({ value }) => {
      return { id: value.id, issuingCas: groupTrust(value, root, list) };
    });
    const ofRoot = rootTrust(root, list);
    const all = [ofRoot, ...groups.flatMap(({ issuingCas }) => issuingCas)];
    const failed = all.some(({ trusted }) => !trusted);
    const lines = [
      `root  ${trustText(ofRoot)}`,
      ...groups.flatMap(({ id, issuingCas }) => [
        `group ${id}`,
        ...issuingCas.map((ca) => `  CA ${ca.generation}  ${trustText(ca)}`),
        ...(issuingCas.length > 0 ? [] : ['      no issuing CA yet']),
      ]),
      ...(failed ? ['Register what is missing: npm run ca -- register [GROUP]'] : []),
    ];
    return { text: lines.join('\n'), json: { seenAt: list.seenAt, root: ofRoot, groups }, failed };
  },

  async register({ services, registry }, { group, name, vouched, proof }) {
    const parts = { ...services, registry: needed(registry) };
    const options = { name, withoutProof: vouched, proofPem: await fileText(proof) };
    const outcome =
      group === undefined ? await registerRoot(parts, options) : await registerIssuingCa(parts, group, options);
    return { text: outcomeText(outcome), json: outcome, audit: { state: outcome.state, name: outcome.name } };
  },

  async unregister({ services, registry }, args) {
    const { removed, kept } = await unregisterFormerCas({ ...services, registry: needed(registry) }, groupOf(args));
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

  async root({ services }, args) {
    const { certificatePem, keyName } = await services.authority.adoptRoot(await outsideCa(args));
    const view = { ...viewOf(certificatePem), key: keyName ?? null };
    const how =
      keyName === undefined
        ? 'its key is not in this deployment. Sign issuing CAs with it elsewhere (csr, import)'
        : `its key is "${keyName}"`;
    return {
      text: `The root is ${view.subject}; ${how}.\nRegister it with DPS: npm run ca -- register --name NAME. Groups keep their issuing CA until they roll over.`,
      json: { root: view },
      audit: { caSha256: certificateSha256(certificatePem), hasKey: keyName !== undefined },
    };
  },

  async csr({ services }, args) {
    const { out } = args;
    const group = groupOf(args);
    const { requestPem, generation } = await services.groups.requestIssuingCa(group);
    if (out !== undefined) await writeFile(out, requestPem);
    const text =
      out === undefined ? requestPem.trimEnd() : `The request for CA ${generation} of ${group} is in ${out}.`;
    return { text, json: { group, generation, request: requestPem }, audit: { caGeneration: generation } };
  },

  async import({ services }, args) {
    const { from, force } = args;
    return changed(await services.groups.importIssuingCa(groupOf(args), await outsideCa(args), { from, force }));
  },

  async rollover({ services }, args) {
    const { from, force } = args;
    return changed(await services.groups.rollOver(groupOf(args), { from, force }));
  },
};

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

function viewOf(certificatePem: string) {
  const { subject = '', issuer = '', validToDate, fingerprint, fingerprint256 } = new X509Certificate(certificatePem);
  const line = (name: string) => name.split('\n').join(', ');
  return {
    ...{ subject: line(subject), issuer: line(issuer), notAfter: validToDate.toISOString() },
    sha1Thumbprint: fingerprint.replaceAll(':', ''),
    sha256Thumbprint: fingerprint256.replaceAll(':', ''),
  };
}

function issuingCaLine(
  { generation, subject, issuer, notAfter, registration }: ReturnType<typeof groupViewOf>['issuingCas'][number],
  index: number,
): string {
  const state = index === 0 ? 'current' : 'still accepted';
  const name = registration === null ? '' : `, in DPS as ${registration.name}`;
  return `  CA ${generation}  ${subject}, by ${issuer}, until ${notAfter} (${state}${name})`;
}

function outcomeText(outcome: CaUploadResult): string {
  if (outcome.state === 'verified') {
    return `DPS holds the CA as ${outcome.name}, verified${outcome.already ? ' already' : ''}.`;
  }
  return `DPS holds the CA as ${outcome.name}, not verified. To prove possession, sign a certificate with the CA key. Its common name must be
  ${outcome.code}
Then: npm run ca -- register --name ${outcome.name} --proof FILE`;
}

function groupOf({ verb, group }: Arguments): string {
  if (group === undefined) throw new UsageError(`${verb} needs the name of a group`);
  return group;
}

async function outsideCa({ certificate, chain, key }: Arguments): Promise<ImportedCa> {
  if (certificate === undefined) throw new UsageError('--certificate FILE is required');
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
  if (registry === undefined) throw new UsageError('--dps ID is required: the resource id of the provisioning service');
  return registry;
}
