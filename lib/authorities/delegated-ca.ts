import type { Act } from '../access/act.ts';
import { FleetError } from '../errors.ts';
import type { Page, PageRequest, Versioned } from '../storage.ts';

/**
 * A CA that one process makes for itself below the issuing CA of a group, so that a Key Vault signs once and not once per device.
 * Its key is in the memory of that process only. This is the record of it. It is written before the certificate is signed, so
 * there is no delegated CA without a record.
 */
export interface DelegatedCa {
  /** Its serial number: 16 octets, lower-case hex. */
  readonly id: string;
  readonly enrollmentGroup: string;
  /** Generation of the issuing CA that signs it (`IssuingCa.generation`). */
  readonly caGeneration: number;
  /** The process that has the key: host and process id. */
  readonly worker: string;
  readonly commonName: string;
  /** When the record was written, before anything was signed. This and the other times: ISO 8601, UTC. */
  readonly reservedAt: string;
  readonly notBefore: string;
  readonly notAfter: string;
  /** No certificate is signed by it from then on: the process drops the key at the latest then. */
  readonly signsUntil: string;
  /** Its certificate, PEM. Absent until it is signed, and for good where the process died or the vault did not sign. */
  readonly certificatePem?: string;
  /** When and why the process dropped the key. Absent while it has the key, or when it died with it. */
  readonly ended?: DelegatedCaEnd;
  /** Who blocked it, and why. DPS and the EST server then accept none of its certificates. */
  readonly blocked?: DelegatedCaBlock;
}

/**
 * `idle`: nothing was issued for five minutes. `age`: the hour was over. `shutdown`: the process ended. `group-changed`: the group
 * has another issuing CA, or settings that need another delegated CA. `blocked`: an operator blocked it. `not-made`: the issuing CA
 * did not sign it, or its record could not be completed, so it signed nothing. `lost`: the process died with it; a sweep notes that after `signsUntil`.
 */
export const delegatedCaEndReasons = [
  'idle',
  'age',
  'shutdown',
  'group-changed',
  'blocked',
  'not-made',
  'lost',
] as const;

export interface DelegatedCaEnd {
  readonly at: string;
  readonly reason: (typeof delegatedCaEndReasons)[number];
  /** Certificates that it signed, Edge CAs included. Absent for `lost`: the audit trail has what each chunk issued. */
  readonly certificates?: number;
}

export interface DelegatedCaBlock extends Act {
  readonly reason: string;
}

/** `open`: its key may exist. `ended`: it does not. `blocked`: an operator blocked it, whether it has ended or not. */
export const delegatedCaStates = ['open', 'ended', 'blocked'] as const;
export type DelegatedCaState = (typeof delegatedCaStates)[number];

export function delegatedCaState({ blocked, ended }: Pick<DelegatedCa, 'blocked' | 'ended'>): DelegatedCaState {
  if (blocked !== undefined) return 'blocked';
  return ended === undefined ? 'open' : 'ended';
}

export interface DelegatedCaFilter {
  /** Only those of these groups. Absent: of all groups. */
  readonly enrollmentGroups?: readonly string[] | undefined;
  readonly state?: DelegatedCaState | undefined;
  /** Only those with `signsUntil` before this time: ISO 8601, UTC, with milliseconds. */
  readonly signsUntilBefore?: string | undefined;
}

/**
 * Records of delegated CAs. Adapter: lib/azure/cosmos-delegated-cas.ts. They are kept until 400 days after `notAfter`: the EST
 * server may renew a certificate up to 365 days after its end, and needs the certificate of its issuer for that.
 * Every method throws FleetError `throttled` or `unavailable`; a write may have taken effect then.
 */
export interface DelegatedCaStore {
  /** @returns the etag, or undefined when the id is taken */
  create(ca: DelegatedCa): Promise<string | undefined>;
  /** @returns undefined when there is none */
  read(id: string): Promise<Versioned<DelegatedCa> | undefined>;
  /** @returns the new etag, or undefined when the record had changed */
  replace(ca: Versioned<DelegatedCa>): Promise<string | undefined>;
  /** Newest first. */
  list(filter: DelegatedCaFilter, page: PageRequest): Promise<Page<DelegatedCa>>;
}

/** Attempts of a read followed by a conditional write. A record has few writers. */
const maxChangeAttempts = 10;

/**
 * Changes a record, however often others change it meanwhile.
 * @param change gives the record to store; the same object: nothing is written
 * @returns the record that is stored
 * @throws FleetError `not-found`, `concurrent-change`, `throttled`, `unavailable`
 */
export async function changeDelegatedCa(
  id: string,
  store: DelegatedCaStore,
  change: (ca: DelegatedCa) => DelegatedCa,
): Promise<DelegatedCa> {
  for (let attempt = 1; attempt <= maxChangeAttempts; attempt++) {
    const current = await store.read(id);
    if (current === undefined) throw new FleetError('not-found', `There is no delegated CA "${id}".`);
    const value = change(current.value);
    if (value === current.value) return value;
    if ((await store.replace({ value, etag: current.etag })) !== undefined) return value;
  }
  throw new FleetError(
    'concurrent-change',
    `The record of delegated CA "${id}" changes faster than it can be written.`,
  );
}
