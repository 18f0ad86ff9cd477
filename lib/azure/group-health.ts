import pMap from 'p-map';
import type { CertificateAuthority } from '../authorities/certificate-authority.ts';
import { type DpsCaLists, type DpsCaStore, groupTrust, readDpsCaLists } from '../authorities/dps-cas.ts';
import { caNoticeDays, expiringCertificates } from '../authorities/expiry.ts';
import { unknownInstance } from '../enrollment/enrollments-by-instance.ts';
import type { Groups } from '../enrollment/groups.ts';
import { FleetError } from '../errors.ts';
import { defaultDps, dpsOf } from '../groups/dps-instance.ts';
import type { GroupRecord, RootCa } from '../groups/group.ts';
import type { Versioned } from '../storage.ts';
import { type Check, check, createRecent, type Probe } from './probe.ts';

export interface CheckedGroups {
  readonly groups: Pick<Groups, 'directory'>;
  readonly authority: Pick<CertificateAuthority, 'rootCa' | 'checkKey'>;
  readonly dpsCas: Pick<DpsCaStore, 'read'>;
  /** Names of the DPS instances. Default: `default` alone. */
  readonly dpsInstances?: readonly string[];
  readonly now: () => Date;
  readonly hosts: { readonly cosmos: string; readonly keys?: string };
}

/** Groups whose keys are looked up at the same time. A vault throttles, and the pipeline needs it too. */
const keysInFlight = 8;

/**
 * Checks of every enrollment group: whether its issuing CA is valid and its key is there, and whether DPS trusts its chain.
 *
 * The key is looked up at most once a minute per version (ETag) of the group. Whether DPS trusts the chain is what an
 * operator's command saw last, with its time: the app's identity has no rights on the management API of DPS, and the
 * service API does not show CA certificates.
 * @param timeoutMs milliseconds after which the checks of all groups end; those that are not done fail
 * @returns a function that never throws
 */
export function createGroupChecks(
  { groups, authority, dpsCas, dpsInstances = [defaultDps], hosts, now }: CheckedGroups,
  timeoutMs: number,
): () => Promise<Check[]> {
  const recent = createRecent<Check>(now);

  function keyProbe({ id, issuingCas: [current] }: GroupRecord): Probe {
    return {
      name: caCheckName(id),
      host: hosts.keys,
      role: 'Fleet CA signer',
      setting: hosts.keys === undefined ? 'CA_KEY_DIRECTORY' : 'KEY_VAULT_URL',
      run: async () => void (current && (await authority.checkKey(current))),
    };
  }

  async function caCheck({ value, etag }: Versioned<GroupRecord>): Promise<Check> {
    const ofKey = await recent(value.id, etag, () => check(keyProbe(value), timeoutMs));
    return ofKey.ok ? validityCheck(value, now()) : ofKey;
  }

  /** @returns one check per group; a group whose turn does not come in time has a failed one */
  async function caChecks(all: readonly Versioned<GroupRecord>[]): Promise<Check[]> {
    const done = new Map<string, Check>();
    const deadline = AbortSignal.timeout(timeoutMs);
    const options = { concurrency: keysInFlight, signal: deadline };
    // It rejects at the deadline. What was begun then goes on and is cached.
    await pMap(all, async (group) => void done.set(group.value.id, await caCheck(group)), options).catch(() => {});
    return all.map(({ value: { id } }) => done.get(id) ?? lateCheck(caCheckName(id)));
  }

  function lateCheck(name: string): Check {
    const problem = `${name} was not checked within ${timeoutMs / 1000} s. Is ${hosts.keys ?? 'the key directory'} slow?`;
    return { name, ok: false, problem };
  }

  async function readGroups() {
    // Not from the cache: an operator checks right after a change.
    const [directory, root, lists] = await Promise.all([
      groups.directory({ maxAgeSeconds: 0 }),
      authority.rootCa(),
      readDpsCaLists(dpsCas, dpsInstances),
    ]);
    return { all: [...directory.values()], root: root.value, lists };
  }

  return async () => {
    let read: Awaited<ReturnType<typeof readGroups>> | undefined;
    const ofGroups = await check(
      {
        name: 'enrollment groups',
        host: hosts.cosmos,
        role: 'Cosmos DB Built-in Data Contributor',
        setting: 'COSMOS_ENDPOINT',
        run: async () => {
          read = await readGroups();
        },
      },
      timeoutMs,
    );
    if (read === undefined) return [ofGroups];
    const { all, root, lists } = read;
    return [
      ofGroups,
      ...(await caChecks(all)),
      ...all.map(({ value }) => trustCheck(value, root, { lists, names: dpsInstances })),
    ];
  };
}

const caCheckName = (id: string) => `issuing CA of group ${id}`;

/** Checks the dates of the current issuing CA and of the CAs above it. */
function validityCheck(group: GroupRecord, now: Date): Check {
  const name = caCheckName(group.id);
  if (group.issuingCas.length === 0) {
    const next =
      group.definition.issuingCa.origin === 'outside'
        ? `Import one: fleet ca csr ${group.id}, then fleet ca import ${group.id}.`
        : 'It is made when the group is used.';
    return { name, ok: true, note: `The group has no issuing CA yet. ${next}` };
  }
  const [first] = expiringCertificates([group], now, caNoticeDays).toSorted((a, b) => a.days - b.days);
  if (first === undefined) return { name, ok: true };
  const what = first.certificate === 'chain' ? 'A CA above the issuing CA' : 'The issuing CA';
  const remedy = 'Roll the group over (docs/certificates.md, "Rollover").';
  if (first.days < 0) return { name, ok: false, problem: `${what} ended at ${first.notAfter}. ${remedy}` };
  return { name, ok: true, note: `${what} ends at ${first.notAfter}, in ${first.days} days. ${remedy}` };
}

/** Checks that DPS trusts the chain of each issuing CA of the group, the previous one included. */
function trustCheck(
  group: GroupRecord,
  root: RootCa,
  { lists, names }: { readonly lists: DpsCaLists; readonly names: readonly string[] },
): Check {
  const name = `root of group ${group.id} in DPS`;
  const dps = dpsOf(group.definition);
  if (!names.includes(dps)) return { name, ok: false, problem: unknownInstance(dps, names).message };
  const list = lists.get(dps);
  const results = groupTrust(group, root, lists);
  const missing = results.filter(({ trusted }) => !trusted);
  const textOf = (each: typeof results) => each.map(({ generation, text }) => `CA ${generation}: ${text}`).join(' ');
  if (missing.length === 0)
    return results.length === 0 ? { name, ok: true } : { name, ok: true, note: textOf(results) };
  const { hint } = new FleetError('ca-unregistered', '');
  const next = list === undefined ? 'Ask DPS: fleet ca check.' : `${hint} Ask DPS again: fleet ca check.`;
  return { name, ok: false, problem: `${textOf(missing)} ${next}` };
}
