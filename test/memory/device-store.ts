import type { CertificateName } from '../../lib/devices/certificate.ts';
import { underCa } from '../../lib/devices/count-under-ca.ts';
import type { BatchWrite, DeviceRecord, DeviceStore } from '../../lib/devices/device.ts';
import type { DevicesUnderCa, UnderCa } from '../../lib/devices/under-ca.ts';
import { identityOf } from '../../lib/devices/under-delegated-ca.ts';
import type { Versioned } from '../../lib/storage.ts';
import { type MemoryPlace, withOwing } from './outbox.ts';

/** Device records in memory, held to the same contract as the real store. */
export function createMemoryDeviceStore(): DeviceStore & {
  readonly records: ReadonlyMap<string, DeviceRecord>;
  readonly place: MemoryPlace;
  /** Loses a record, whatever its version. */
  forget(id: string): void;
} {
  const documents = new Map<string, { value: DeviceRecord; etag: string }>();
  let version = 0;
  const put = (value: DeviceRecord): string => {
    const etag = `"${++version}"`;
    documents.set(value.id, { value: structuredClone(value), etag });
    return etag;
  };
  const write = (records: readonly DeviceRecord[], isAllowed: (record: DeviceRecord) => boolean): BatchWrite => {
    const written = new Map<string, Versioned<DeviceRecord>>();
    const conflicts: DeviceRecord[] = [];
    for (const value of records) {
      if (isAllowed(value)) written.set(value.id, { value, etag: put(value) });
      else conflicts.push(value);
    }
    return { written, conflicts };
  };
  const sorted = () => [...documents.values()].map(({ value }) => value).sort((a, b) => (a.id < b.id ? -1 : 1));

  return {
    place: {
      documents: () => [...documents].map(([id, document]) => ({ id, ...document })),
      put: (id, owing) => void put(withOwing(documents.get(id)?.value as DeviceRecord, owing)),
    },
    get records() {
      return new Map(sorted().map((record) => [record.id, record]));
    },
    forget: (id) => void documents.delete(id),
    async create(records) {
      return write(records, ({ id }) => !documents.has(id));
    },
    async read(ids) {
      const found = ids.flatMap((id) => documents.get(id) ?? []);
      return new Map(found.map((document) => [document.value.id, structuredClone(document)]));
    },
    async replace(records) {
      const etags = new Map(records.map(({ value, etag }) => [value.id, etag]));
      return write(
        records.map(({ value }) => value),
        ({ id }) => documents.get(id)?.etag === etags.get(id),
      );
    },
    async remove(records) {
      const same = records.filter(({ value, etag }) => documents.get(value.id)?.etag === etag);
      for (const { value } of same) documents.delete(value.id);
      return same.length;
    },
    async list(filter, page) {
      const { size, continuation = '' } = page;
      const {
        jobId,
        enrollmentGroup,
        issuingGroup,
        status,
        expiresBefore,
        byHand,
        idPrefix = '',
        certificate,
        delegatedCa,
      } = filter;
      const found = sorted().filter(
        (record) =>
          record.id > continuation &&
          (jobId === undefined || record.claim.jobId === jobId) &&
          (enrollmentGroup === undefined || record.enrollmentGroup === enrollmentGroup) &&
          (issuingGroup === undefined ||
            [record.enrollmentGroup, ...(record.formerGroups ?? [])].includes(issuingGroup)) &&
          (status === undefined || record.status === status) &&
          (expiresBefore === undefined ||
            (record.identity !== undefined && record.identity.notAfter < expiresBefore)) &&
          (byHand !== true || isByHand(record)) &&
          record.id.startsWith(idPrefix) &&
          (certificate === undefined || hasOrHad(record, certificate)) &&
          (delegatedCa === undefined || identityOf(record, delegatedCa) !== undefined),
      );
      const items = found.slice(0, size);
      return found.length > size ? { items, continuation: items.at(-1)?.id } : { items };
    },
    async waitingIds(enrollmentGroup, limit) {
      const waiting = sorted().filter(
        ({ status, unconfirmedSince, enrollmentGroup: group }) =>
          (status === 'provisioned' || unconfirmedSince !== undefined) && group === enrollmentGroup,
      );
      return waiting.slice(0, limit).map(({ id }) => id);
    },
    async dueLooks(before, limit) {
      const due = sorted().filter(({ block }) => block?.lookAgainAt !== undefined && block.lookAgainAt < before);
      return due.slice(0, limit).map(({ id }) => id);
    },
    async countEnding({ enrollmentGroups, from, before, byHand = false }) {
      const ends = sorted().flatMap((record) => {
        const { enrollmentGroup, identity, status } = record;
        const notAfter = identity?.notAfter ?? '';
        const counts =
          (byHand ? isByHand(record) : status !== 'deleted') &&
          notAfter >= from &&
          notAfter < before &&
          enrollmentGroups.includes(enrollmentGroup);
        return counts ? [{ enrollmentGroup, notAfter }] : [];
      });
      return [...Map.groupBy(ends, ({ enrollmentGroup }) => enrollmentGroup)].map(([enrollmentGroup, each]) => {
        const [earliest = ''] = each.map(({ notAfter }) => notAfter).sort();
        return { enrollmentGroup, devices: each.length, earliest };
      });
    },
    async countUnderCa(ca) {
      const entries = sorted().flatMap((record) => underCa(record, ca));
      const counted = (name: keyof UnderCa): DevicesUnderCa => {
        const own = entries.filter(({ count }) => count === name);
        const certificates = own.flatMap((each) => each.certificates);
        const [until] = certificates
          .map(({ notAfter }) => notAfter)
          .sort()
          .reverse();
        const [lastIssued] = certificates
          .map(({ since }) => since)
          .sort()
          .reverse();
        return {
          devices: own.length,
          ...(until !== undefined && { until }),
          ...(name === 'notInstalled' && lastIssued !== undefined && { lastIssued }),
        };
      };
      return {
        notRenewed: counted('notRenewed'),
        notConfirmed: counted('notConfirmed'),
        notInstalled: counted('notInstalled'),
        pastShelfLife: counted('pastShelfLife'),
        estIds: counted('estIds'),
      };
    },
    async countRenewals({ from, before, at, unconfirmedBefore }) {
      const isWithin = (day: string | undefined): day is string => day !== undefined && day >= from && day < before;
      const found = sorted()
        .filter(isInUse)
        .flatMap(({ enrollmentGroup, status, renewal, unconfirmedSince }) => {
          const { dueDay, confirmedDay, lateAt } = renewal ?? {};
          return [
            ...(isWithin(dueDay) ? [{ what: status === 'assigned' ? 'due' : 'waiting', day: dueDay } as const] : []),
            ...(isWithin(confirmedDay) ? [{ what: 'done', day: confirmedDay } as const] : []),
            ...(status === 'assigned' && lateAt !== undefined && lateAt <= at ? [{ what: 'late' } as const] : []),
            ...(unconfirmedSince !== undefined && unconfirmedSince < unconfirmedBefore
              ? [{ what: 'unconfirmed' } as const]
              : []),
          ].map((each) => ({ enrollmentGroup, ...each }));
        });
      const alike = Map.groupBy(found, (each) => JSON.stringify(each));
      const value = [...alike.values()].flatMap((each) => (each[0] ? { ...each[0], devices: each.length } : []));
      return { value, requestUnits: 0 };
    },
    async countByStatus(period) {
      const counted = sorted().filter(({ identity }) => {
        const notAfter = identity?.notAfter;
        if (period === undefined) return true;
        return notAfter !== undefined && notAfter >= period.from && notAfter < period.before;
      });
      const members = counted.map(({ enrollmentGroup, status }) => ({ enrollmentGroup, status }));
      const alike = Map.groupBy(members, (each) => JSON.stringify(each));
      const value = [...alike.values()].flatMap((each) => (each[0] ? { ...each[0], devices: each.length } : []));
      return { value, requestUnits: 0 };
    },
  };
}

const isInUse = ({ status }: DeviceRecord): boolean => status === 'assigned' || status === 'provisioned';
const isByHand = (record: DeviceRecord): boolean => isInUse(record) && record.renewal === undefined;

function hasOrHad(record: DeviceRecord, { kind, hex }: CertificateName): boolean {
  const current = kind === 'serialNumber' ? record.serialNumber : record.identity?.[kind];
  return current?.toLowerCase() === hex || (record.formerCertificateNames ?? []).includes(hex);
}
