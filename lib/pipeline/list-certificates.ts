import type { DeviceCertificate } from '../devices/certificate.ts';
import { certificatesOf } from '../devices/certificates.ts';
import type { DeviceRecord, DeviceStore } from '../devices/device.ts';
import type { Page, PageRequest } from '../storage.ts';

/** Which certificates are asked for: those that match every member. Times are ISO 8601, UTC, with milliseconds. */
export interface CertificateFilter {
  /** The group whose CAs issued it. */
  readonly enrollmentGroup?: string | undefined;
  /** Generation of that CA. A certificate of an earlier version has none, and matches: it cannot be ruled out. */
  readonly caGeneration?: number | undefined;
  /** Its validity begins at this time or later. */
  readonly issuedFrom?: string | undefined;
  /** Its validity begins before this time. */
  readonly issuedTo?: string | undefined;
  /** Who made its key. A certificate of an earlier version does not say, and matches. */
  readonly keyMadeBy?: DeviceCertificate['keyMadeBy'];
  /** It was valid at this time. */
  readonly asOf: string;
}

/** A certificate and its device. */
export interface HeldCertificate extends Omit<DeviceCertificate, 'unusedBundle'> {
  readonly deviceId: string;
  readonly deviceStatus: DeviceRecord['status'];
}

/** Devices per query. */
const pageSize = 1000;

/** Devices that are read for one page at most: some seconds. The next page goes on after them. */
const maxDevicesPerPage = 20_000;

/**
 * One page of certificates, by device. A device's certificates are never parted, so a page can have some more than its size. A
 * page also ends after 20,000 devices, so it can have fewer, or none, and a continuation.
 * @throws FleetError `throttled`, `unavailable`
 */
export async function certificatePage(
  filter: CertificateFilter,
  { size, continuation }: PageRequest,
  devices: Pick<DeviceStore, 'list'>,
): Promise<Page<HeldCertificate>> {
  const items: HeldCertificate[] = [];
  let after = continuation;
  for (let read = 0; ; read += pageSize) {
    const page: Page<DeviceRecord> = await listDevices(filter, { size: pageSize, continuation: after }, devices);
    for (const [index, record] of page.items.entries()) {
      items.push(...heldBy(record, filter));
      after = record.id;
      const isLast = index === page.items.length - 1 && page.continuation === undefined;
      if (items.length >= size && !isLast) return { items, continuation: after };
    }
    if (page.continuation === undefined) return { items };
    if (read + pageSize >= maxDevicesPerPage) return { items, continuation: page.continuation };
  }
}

/** All certificates that match, by device. @throws FleetError `throttled`, `unavailable` */
export async function* allCertificates(
  filter: CertificateFilter,
  devices: Pick<DeviceStore, 'list'>,
): AsyncIterable<HeldCertificate> {
  let continuation: string | undefined;
  do {
    const page: Page<DeviceRecord> = await listDevices(filter, { size: pageSize, continuation }, devices);
    for (const record of page.items) yield* heldBy(record, filter);
    continuation = page.continuation;
  } while (continuation !== undefined);
}

const listDevices = (filter: CertificateFilter, page: PageRequest, devices: Pick<DeviceStore, 'list'>) =>
  devices.list({ issuingGroup: filter.enrollmentGroup }, page);

function heldBy(record: DeviceRecord, filter: CertificateFilter): HeldCertificate[] {
  const { id: deviceId, status: deviceStatus } = record;
  return certificatesOf(record)
    .filter((certificate) => isMatch(certificate, filter))
    .map(({ unusedBundle: _unusedBundle, ...certificate }) => ({ deviceId, deviceStatus, ...certificate }));
}

function isMatch(certificate: DeviceCertificate, filter: CertificateFilter): boolean {
  const { enrollmentGroup, caGeneration, issuedFrom, issuedTo, keyMadeBy, asOf } = filter;
  const { notBefore, notAfter, state, since } = certificate;
  if (enrollmentGroup !== undefined && certificate.enrollmentGroup !== enrollmentGroup) return false;
  if (caGeneration !== undefined && (certificate.caGeneration ?? caGeneration) !== caGeneration) return false;
  if (keyMadeBy !== undefined && (certificate.keyMadeBy ?? keyMadeBy) !== keyMadeBy) return false;
  if (issuedFrom !== undefined && notBefore < issuedFrom) return false;
  if (issuedTo !== undefined && notBefore >= issuedTo) return false;
  if (notBefore > asOf || notAfter < asOf) return false;
  return state !== 'revoked' || since > asOf;
}
