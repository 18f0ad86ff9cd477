import type { DeviceCertificate } from './certificate.ts';
import { certificatesOf } from './certificates.ts';
import type { DeviceRecord } from './device.ts';

/**
 * The devices that need a CA of their group to register with DPS. A device is in one of the first four counts at most. Those
 * that were revoked, scrapped or deleted are in none. Certificates that have ended do not count, nor does the bundle of a row that
 * failed.
 */
export interface UnderCa {
  /** Their present identity is of the CA, and a registration with it was seen. */
  readonly notRenewed: DevicesUnderCa;
  /** They registered with an identity of the CA, and not yet with the present one, which is of another CA. */
  readonly notConfirmed: DevicesUnderCa;
  /** Their present identity is of the CA. It was issued since `issuedSince`, and no registration with it was seen. */
  readonly notInstalled: DevicesUnderCa;
  /** The same, issued before. */
  readonly pastShelfLife: DevicesUnderCa;
  /** Live certificates of kind `est-id`, with which gateways sign in to the EST server. Counted one by one. */
  readonly estIds: DevicesUnderCa;
}

export interface DevicesUnderCa {
  readonly devices: number;
  /** The last end of their certificates of the CA: ISO 8601, UTC. Absent when there are none. */
  readonly until?: string;
  /** When the last of these certificates was issued: ISO 8601, UTC. Only for `notInstalled`. */
  readonly lastIssued?: string;
}

/** A CA, and the times that count. Texts of ISO 8601, UTC, with milliseconds, so that they sort by time. */
export interface CaInUse {
  readonly enrollmentGroup: string;
  /** Certificates without a generation, of earlier versions, count as of this CA: ask for the oldest one that DPS has. */
  readonly generation: number;
  /** Now. */
  readonly at: string;
  /** Bundles that were issued before and not installed are past their shelf life. */
  readonly issuedSince: string;
}

/** Statuses in which a device does not need any CA. */
const endedStatuses = ['revoked', 'scrapped', 'deleted'] as const;

/** A device, or one of its est-ids, in one of the counts. */
export interface UnderCaEntry {
  readonly count: keyof UnderCa;
  /** The certificates for which it is there, 1 or more. */
  readonly certificates: readonly DeviceCertificate[];
}

/** Where one device counts. The store of Cosmos DB says the same in queries (lib/azure/cosmos-under-ca.ts). */
export function underCa(record: DeviceRecord, ca: CaInUse): readonly UnderCaEntry[] {
  if (endedStatuses.some((status) => status === record.status)) return [];
  const all = certificatesOf(record);
  const isOfCa = ({ enrollmentGroup, caGeneration = ca.generation, notAfter }: DeviceCertificate) =>
    enrollmentGroup === ca.enrollmentGroup && caGeneration === ca.generation && notAfter >= ca.at;
  const estIds = all
    .filter((each) => each.kind === 'est-id' && each.state === 'live' && isOfCa(each))
    .map((each): UnderCaEntry => ({ count: 'estIds', certificates: [each] }));
  const identities = all.filter(({ kind }) => kind === 'identity');
  const presentSerial = record.before?.serialNumber ?? record.serialNumber;
  const hasFailed = record.status === 'failed';
  const present = hasFailed ? undefined : identities.find(({ serialNumber }) => serialNumber === presentSerial);
  if (present !== undefined && isOfCa(present))
    return [...estIds, { count: countOfPresent(present, ca), certificates: [present] }];
  const stillUsed = identities.filter((each) => isOfCa(each) && each.state !== 'revoked' && isUsed(each));
  if (present?.confirmedAt !== undefined || stillUsed.length === 0) return estIds;
  return [...estIds, { count: 'notConfirmed', certificates: stillUsed }];
}

function countOfPresent(present: DeviceCertificate, { issuedSince }: CaInUse): keyof UnderCa {
  if (isUsed(present)) return 'notRenewed';
  return present.since >= issuedSince ? 'notInstalled' : 'pastShelfLife';
}

/** A registration with the certificate was seen. */
const isUsed = ({ confirmedAt, registeredAt }: DeviceCertificate) =>
  confirmedAt !== undefined || registeredAt !== undefined;
