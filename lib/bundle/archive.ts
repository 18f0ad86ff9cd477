import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { BundleName } from '../devices/certificate.ts';
import type { BundleLocation } from '../devices/device.ts';
import { FleetError } from '../errors.ts';
import type { BlobStore } from '../storage.ts';

/*
 * The archive of a chunk: a ZIP (APPNOTE 6.3, https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT) without
 * compression. So a byte range of it is a bundle, and any unzip opens the whole. Its last entry, index.json, names the
 * device of each bundle; a second delivery of the chunk records the devices from it. The same entries give the same bytes.
 *
 * CRC-32 detects accidents. The SHA-256 of each bundle is in the index and in the device's record: the record is in another
 * service, so a bundle that was changed or swapped in the archive is detected when it is read.
 */

/** One bundle to go into an archive. */
export interface ArchiveEntry<Info> {
  /** A file name of ASCII letters, digits, ".", "_" and "-". */
  readonly name: string;
  readonly body: Buffer;
  /** Facts about its device; stored in the index as JSON. */
  readonly info: Info;
}

/** The place of a bundle in its archive, and its device. */
export interface ArchiveIndexEntry<Info> {
  readonly name: string;
  /** First byte of the bundle, in bytes from the start of the archive. */
  readonly offset: number;
  /** In bytes. */
  readonly length: number;
  /** SHA-256 of the bundle, lower-case hex. Archives of earlier versions do not have it. */
  readonly sha256?: string;
  readonly info: Info;
}

/** An archive as it is stored, and its index. */
export interface PackedArchive<Info> {
  readonly body: Buffer;
  readonly index: readonly ArchiveIndexEntry<Info>[];
  /** SHA-256 of the JSON of the index, lower-case hex. */
  readonly indexSha256: string;
}

const indexName = 'index.json';
const localHeaderLength = 30;
const centralHeaderLength = 46;
const endLength = 22;

/** Limits of a ZIP without its 64-bit extension. A chunk has at most some thousand rows of about 10 KB. */
const maxEntries = 0xffff;
const maxLength = 0xffffffff;

/** Features needed to extract: 2.0 (stored entries, sub-folders). Made on UNIX (3), so that file modes are used. */
const versionNeeded = 20;
const versionMadeBy = (3 << 8) | versionNeeded;
/** A regular file, mode 0600: most entries hold a private key. */
const externalAttributes = (0o100600 << 16) >>> 0;
/** 1980-01-01, the first day of MS-DOS time: the bytes must not depend on the time of packing. */
const dosDate = (1 << 5) | 1;

/**
 * Packs bundles into one archive, in one buffer.
 * @throws FleetError `internal` when two entries have the same name, or a plain ZIP cannot hold them
 * @example
 * const { body, index } = packArchive([{ name: 'gw-1.tar.gz', body: bundle, info: { deviceId: 'gw-1' } }]);
 * body.subarray(index[0].offset, index[0].offset + index[0].length); // the bundle
 */
export function packArchive<Info>(entries: readonly ArchiveEntry<Info>[]): PackedArchive<Info> {
  const names = new Set([indexName]);
  const index: ArchiveIndexEntry<Info>[] = [];
  let offset = 0;
  for (const { name, body, info } of entries) {
    if (names.has(name)) throw new FleetError('internal', `Two entries of an archive have the name ${name}.`);
    names.add(name);
    offset += localHeaderLength + name.length;
    index.push({ name, offset, length: body.length, sha256: hash('sha256', body), info });
    offset += body.length;
  }

  const indexJson = JSON.stringify(index);
  const indexBody = Buffer.from(`{"version":1,"entries":${indexJson}}`);
  const files = [...entries, { name: indexName, body: indexBody }];
  const centralLength = files.reduce((sum, { name }) => sum + centralHeaderLength + name.length, 0);
  const centralOffset = offset + localHeaderLength + indexName.length + indexBody.length;
  const length = centralOffset + centralLength + endLength;
  if (files.length > maxEntries || length > maxLength)
    throw new FleetError('internal', `A plain ZIP cannot hold ${files.length} entries and ${length} bytes.`);

  // Every byte is written below. An allocation of its own: it holds private keys.
  const archive = Buffer.allocUnsafeSlow(length);
  let local = 0;
  let central = centralOffset;
  for (const { name, body } of files) {
    const crc = crc32(body);
    archive.writeUInt32LE(0x04034b50, local);
    writeCommon(archive, local + 4, { crc, length: body.length, nameLength: name.length });
    archive.write(name, local + localHeaderLength, 'latin1');
    body.copy(archive, local + localHeaderLength + name.length);

    archive.writeUInt32LE(0x02014b50, central);
    archive.writeUInt16LE(versionMadeBy, central + 4);
    writeCommon(archive, central + 6, { crc, length: body.length, nameLength: name.length });
    archive.fill(0, central + 32, central + 38); // no comment, first disk, no internal attributes
    archive.writeUInt32LE(externalAttributes, central + 38);
    archive.writeUInt32LE(local, central + 42);
    archive.write(name, central + centralHeaderLength, 'latin1');

    local += localHeaderLength + name.length + body.length;
    central += centralHeaderLength + name.length;
  }
  archive.writeUInt32LE(0x06054b50, central);
  archive.writeUInt32LE(0, central + 4); // this disk, and the one where the directory starts
  archive.writeUInt16LE(files.length, central + 8);
  archive.writeUInt16LE(files.length, central + 10);
  archive.writeUInt32LE(centralLength, central + 12);
  archive.writeUInt32LE(centralOffset, central + 16);
  archive.writeUInt16LE(0, central + 20); // no comment
  return { body: archive, index, indexSha256: hash('sha256', indexJson) };
}

/** Writes the fields that a local and a central header share, from "version needed" to "extra field length". */
function writeCommon(
  archive: Buffer,
  at: number,
  { crc, length, nameLength }: { crc: number; length: number; nameLength: number },
): void {
  archive.writeUInt16LE(versionNeeded, at);
  archive.writeUInt32LE(0, at + 2); // flags, and method 0: stored
  archive.writeUInt16LE(0, at + 6); // time
  archive.writeUInt16LE(dosDate, at + 8);
  archive.writeUInt32LE(crc, at + 10);
  archive.writeUInt32LE(length, at + 14); // compressed
  archive.writeUInt32LE(length, at + 18);
  archive.writeUInt16LE(nameLength, at + 22);
  archive.writeUInt16LE(0, at + 24);
}

/**
 * Reads the index of an archive that `packArchive` made. Checks every header and checksum first: devices are recorded by
 * this index, and those that it names are not issued again.
 * @throws FleetError `archive-damaged`
 */
export function readArchiveIndex<Info>(archive: Buffer): ArchiveIndexEntry<Info>[] {
  const files = readDirectory(archive);
  const index = files.get(indexName);
  if (index === undefined) throw damaged('it has no index.json');
  const entries = parseIndex<Info>(archive.subarray(index.offset, index.offset + index.length));
  if (entries.length !== files.size - 1) throw damaged('its index and its directory have different numbers of entries');
  for (const { name, offset, length, sha256 } of entries) {
    const file = files.get(name);
    if (file === undefined || file.offset !== offset || file.length !== length)
      throw damaged('its index and its directory have different entries');
    if (sha256 !== undefined && sha256 !== hash('sha256', archive.subarray(offset, offset + length)))
      throw damaged(`${name} does not have the SHA-256 of the index`);
  }
  return entries;
}

/** Entries by name. Our own reader, since yauzl checks no checksums and accepts gaps between entries. */
function readDirectory(archive: Buffer): Map<string, { offset: number; length: number }> {
  const end = archive.length - endLength;
  if (end < 0 || archive.readUInt32LE(end) !== 0x06054b50) throw damaged('it ends too early');
  const count = archive.readUInt16LE(end + 10);
  const centralOffset = archive.readUInt32LE(end + 16);
  if (centralOffset + archive.readUInt32LE(end + 12) !== end) throw damaged('its directory is not where it should be');

  const files = new Map<string, { offset: number; length: number }>();
  let local = 0;
  let central = centralOffset;
  for (let number = 0; number < count; number++) {
    if (central + centralHeaderLength > end || archive.readUInt32LE(central) !== 0x02014b50)
      throw damaged('its directory has a gap');
    const crc = archive.readUInt32LE(central + 16);
    const length = archive.readUInt32LE(central + 24);
    const nameLength = archive.readUInt16LE(central + 28);
    const name = archive.toString('latin1', central + centralHeaderLength, central + centralHeaderLength + nameLength);
    const offset = local + localHeaderLength + nameLength;
    // Entries follow one another without gaps, so each offset has one possible value.
    if (archive.readUInt32LE(central + 42) !== local || offset + length > centralOffset)
      throw damaged(`entry ${number} is not where it should be`);
    if (archive.readUInt32LE(local) !== 0x04034b50 || archive.toString('latin1', local + 30, offset) !== name)
      throw damaged(`the header of entry ${number} does not match the directory`);
    if (crc32(archive.subarray(offset, offset + length)) !== crc)
      throw damaged(`the checksum of entry ${number} is wrong`);
    files.set(name, { offset, length });
    local = offset + length;
    central += centralHeaderLength + nameLength;
  }
  if (local !== centralOffset || central !== end || files.size !== count) throw damaged('its directory is incomplete');
  return files;
}

function parseIndex<Info>(body: Buffer): ArchiveIndexEntry<Info>[] {
  try {
    const { version, entries } = JSON.parse(body.toString()) as {
      version?: unknown;
      entries?: ArchiveIndexEntry<Info>[];
    };
    if (version === 1 && Array.isArray(entries) && entries.every((entry) => typeof entry?.info === 'object'))
      return entries;
  } catch {
    // Not JSON: reported below.
  }
  throw damaged('its index.json is not of the form that this app writes');
}

function damaged(how: string): FleetError {
  return new FleetError('archive-damaged', `The archive of a chunk is damaged: ${how}.`);
}

/**
 * Reads the bundle of one device from the archive of its chunk, and checks that it is the one that was recorded. It is the
 * only copy, so a bundle that is cut off, changed or in the place of another one is an error.
 *
 * A record of an earlier version has no SHA-256. Its bundle is checked against the local header before it in the archive,
 * which has its file name and CRC-32.
 * @param location offset and length in bytes
 * @throws FleetError `archive-damaged`, and `throttled` or `unavailable` from the storage
 */
export async function readBundle(
  bundles: BlobStore,
  { archive, offset, length, fileName, sha256 }: Omit<BundleLocation, 'mediaType'>,
): Promise<Buffer> {
  const headerLength = sha256 === undefined ? localHeaderLength + fileName.length : 0;
  const bytes = await bundles.readRange(archive, { offset: offset - headerLength, length: headerLength + length });
  if (bytes === undefined) throw new FleetError('archive-damaged', `The archive ${archive} is no longer there.`);
  if (bytes.length !== headerLength + length)
    throw new FleetError('archive-damaged', `The archive ${archive} ends within the bundle at byte ${offset}.`);
  const body = bytes.subarray(headerLength);
  const isIntact = sha256 === undefined ? isEntry(bytes, fileName) : hash('sha256', body) === sha256;
  if (isIntact) return body;
  throw new FleetError(
    'archive-damaged',
    `The bundle at byte ${offset} of ${archive} is not the one that was recorded.`,
  );
}

/** Attempts to write an archive while other bundles of it are erased. */
const maxEraseAttempts = 10;

/**
 * Overwrites the bundle of one device in the archive of its chunk with zeros. The archive stays readable: a chunk or its
 * enrollments may still be in work. Erasing it again, or from an archive that was deleted, changes nothing.
 * @throws FleetError `archive-damaged`, `concurrent-change`, and `throttled` or `unavailable` from the storage
 */
export async function eraseBundle(bundles: BlobStore, { archive: name, fileName }: BundleName): Promise<void> {
  for (let attempt = 1; attempt <= maxEraseAttempts; attempt++) {
    const properties = await bundles.properties(name);
    if (properties === undefined) return;
    const { etag, bytes } = properties;
    const archive = await bundles.readRange(name, { offset: 0, length: bytes, etag });
    if (archive === undefined) continue;
    const erased = withoutBundle(archive, fileName);
    try {
      if (erased === undefined) return;
      if ((await bundles.replace(name, erased, { contentType: 'application/zip', etag })) !== undefined) return;
    } finally {
      // They hold the private keys of other devices.
      archive.fill(0);
      erased?.fill(0);
    }
  }
  throw new FleetError('concurrent-change', `The archive ${name} changes faster than it can be written.`);
}

/**
 * The same archive with zeros in the place of one bundle. The index comes last, so every bundle stays where its record says.
 * @returns undefined when there are only zeros already
 */
function withoutBundle(archive: Buffer, name: string): Buffer | undefined {
  const index = readArchiveIndex<unknown>(archive);
  const bodyOf = ({ offset, length }: ArchiveIndexEntry<unknown>) => archive.subarray(offset, offset + length);
  const entry = index.find((each) => each.name === name);
  if (entry === undefined) throw damaged(`it has no entry ${name}`);
  if (bodyOf(entry).every((byte) => byte === 0)) return undefined;
  const entries = index.map((each) => {
    return { name: each.name, info: each.info, body: each === entry ? Buffer.alloc(entry.length) : bodyOf(each) };
  });
  return packArchive(entries).body;
}

/** @returns whether the bytes are a local header with that name, and a body with its CRC-32 */
function isEntry(bytes: Buffer, name: string): boolean {
  const bodyStart = localHeaderLength + name.length;
  return (
    bytes.readUInt32LE(0) === 0x04034b50 &&
    bytes.toString('latin1', localHeaderLength, bodyStart) === name &&
    bytes.readUInt32LE(14) === crc32(bytes.subarray(bodyStart))
  );
}
