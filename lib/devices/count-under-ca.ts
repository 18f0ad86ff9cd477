import type { DeviceCertificate } from './certificate.ts';
import { certificatesOf } from './certificates.ts';
import type { DeviceRecord } from './device.ts';
import type { CaInUse, UnderCa } from './under-ca.ts';

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
