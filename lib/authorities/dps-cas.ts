import { X509Certificate } from 'node:crypto';
import { defaultDps, dpsOf } from '../groups/dps-instance.ts';
import type { CaRegistration, GroupRecord, IssuingCa, RootCa } from '../groups/group.ts';

/**
 * The CA certificates of DPS, as an operator's command saw them last. The app itself cannot ask: its identity has no rights
 * on the management API, and the service API does not show CA certificates.
 */
export interface DpsCaList {
  /** When DPS answered: ISO 8601, UTC. */
  readonly seenAt: string;
  readonly certificates: readonly DpsCa[];
}

export interface DpsCa {
  readonly name: string;
  /** SHA-1, upper-case hex: the management API identifies certificates by it. */
  readonly sha1Thumbprint: string;
  readonly isVerified: boolean;
}

/**
 * Keeps the latest list. Adapter: lib/azure/cosmos-dps-cas.ts.
 * Every method throws FleetError `throttled` or `unavailable`.
 */
export interface DpsCaStore {
  /**
   * @param dps the DPS instance. Default: `default`
   * @returns undefined until the instance was asked for the first time
   */
  read(dps?: string): Promise<DpsCaList | undefined>;
  /** Stores the list of an instance unless a later one is stored. */
  keep(list: DpsCaList, dps?: string): Promise<void>;
}

/** The latest list of each DPS instance that was asked, by its name. */
export type DpsCaLists = ReadonlyMap<string, DpsCaList>;

/** @throws FleetError `throttled`, `unavailable` */
export async function readDpsCaLists(
  store: Pick<DpsCaStore, 'read'>,
  instances: readonly string[],
): Promise<DpsCaLists> {
  const lists = await Promise.all(instances.map(async (name) => [name, await store.read(name)] as const));
  return new Map(lists.flatMap(([name, list]) => (list === undefined ? [] : [[name, list]])));
}

/** Whether DPS trusts a CA, as far as it was seen. */
export interface DpsTrust {
  readonly trusted: boolean;
  /** The observation and its time, in one sentence. */
  readonly text: string;
}

/** A CA, and the registration that is recorded with it. */
interface NotedCa {
  readonly certificatePem: string;
  readonly registration?: CaRegistration | undefined;
}

/** Whether a DPS instance has the root of the fleet, verified. @param list what the instance has */
export function rootTrust(root: RootCa, list: DpsCaList | undefined, dps: string = defaultDps): DpsTrust {
  return pathTrust([rootIn(root, dps)], list);
}

/** The root with its registration in one DPS instance. */
function rootIn({ certificatePem, registration, registrations }: RootCa, dps: string): NotedCa {
  return { certificatePem, registration: dps === defaultDps ? registration : registrations?.[dps] };
}

/**
 * Whether DPS accepts devices of each issuing CA of a group. One CA of its chain must be verified in DPS, usually the root:
 * https://learn.microsoft.com/azure/iot-dps/concepts-x509-attestation. A group with `attestation` "caReference" also needs
 * the issuing CA itself.
 * @param root the root of the fleet, if there is one; an imported issuing CA can have another one
 * @param lists what each DPS instance has; that of the group counts
 */
export function groupTrust(
  { definition, issuingCas }: Pick<GroupRecord, 'definition' | 'issuingCas'>,
  root: RootCa | undefined,
  lists: DpsCaLists,
): (DpsTrust & { readonly generation: number })[] {
  const dps = dpsOf(definition);
  const list = lists.get(dps);
  const noted = root && rootIn(root, dps);
  return issuingCas.map((ca) => {
    const { generation } = ca;
    const ofPath = pathTrust(pathOf(ca, noted), list);
    if (!ofPath.trusted || definition.attestation !== 'caReference') return { generation, ...ofPath };
    return { generation, ...pathTrust([ca], list) };
  });
}

/** The chain of an issuing CA, root first. */
function pathOf(ca: IssuingCa, root: NotedCa | undefined): NotedCa[] {
  const above = ca.chainPem.map((certificatePem) =>
    certificatePem === root?.certificatePem ? root : { certificatePem },
  );
  return [...above.toReversed(), ca];
}

/** @param path one CA or more, root first. One that is verified is enough */
function pathTrust(path: readonly NotedCa[], list: DpsCaList | undefined): DpsTrust {
  const seen = path.map((ca) => seenTrust(ca, list));
  const [ofRoot] = seen;
  if (ofRoot === undefined) throw new Error('A path has one CA at least.');
  return seen.find(({ trusted }) => trusted) ?? ofRoot;
}

/** A registration that is newer than the list decides: an operator registered the CA, and DPS was not listed since. */
function seenTrust({ certificatePem, registration }: NotedCa, list: DpsCaList | undefined): DpsTrust {
  const { subject = '', fingerprint } = new X509Certificate(certificatePem);
  const ca = `"${subject.replaceAll('\n', ', ')}"`;
  if (registration !== undefined && (list === undefined || registration.at > list.seenAt)) {
    return { trusted: true, text: `${ca} was registered with DPS as ${registration.name} at ${registration.at}.` };
  }
  if (list === undefined) return { trusted: false, text: `It is not known whether DPS has ${ca}.` };
  const sha1Thumbprint = fingerprint.replaceAll(':', '');
  const same = list.certificates.filter((each) => each.sha1Thumbprint === sha1Thumbprint);
  const found = same.find(({ isVerified }) => isVerified) ?? same[0];
  if (found === undefined) return { trusted: false, text: `DPS did not have ${ca} at ${list.seenAt}.` };
  const state = found.isVerified ? 'verified' : 'not verified';
  return { trusted: found.isVerified, text: `DPS had ${ca} as ${found.name}, ${state}, at ${list.seenAt}.` };
}
