import { gunzipSync } from 'node:zlib';
import { FleetError } from '../errors.ts';
import { createGzipTemplate, type GzipTemplate, type Place } from './gzip-template.ts';

/*
 * Archives that differ in a few values only: POSIX ustar (IEEE Std 1003.1-2024, pax, "ustar Interchange Format") in gzip.
 * An archive is laid out once and filled in many times, so that a bundle takes some 20 microseconds.
 */

/** A file of an archive. A part that is an object is a slot for the value of that name. All text is ASCII. */
export interface TemplateFile<Slot extends string> {
  /** Below the top folder; at most 100 characters. */
  readonly path: string;
  readonly mode: number;
  readonly parts: readonly (string | { readonly slot: Slot })[];
}

interface TarTemplate<Slot extends string> {
  /**
   * Makes an archive, tar.gz, with every file below `folder`. The same values give the same bytes. The archive is in
   * memory that only holds keys (lib/key-memory.ts), and nothing else here keeps a value.
   * @param folder at most 155 characters
   * @param values ASCII text; a private key as a Buffer, which the caller zeroes
   */
  fill(folder: string, values: Readonly<Record<Slot, SlotValue>>): Buffer;
}

/** A value of a slot, ASCII. */
export type SlotValue = string | Buffer;

const block = 512;
/** Offsets of the fields of a header, in bytes. */
const [modeAt, sizeAt, mtimeAt, checksumAt, typeAt, magicAt, unameAt, gnameAt, prefixAt] = [
  100, 124, 136, 148, 156, 257, 265, 297, 345,
];
const checksumDigits = 6;

/** An archive for values of these lengths, and the sums of its headers. */
interface Layout<Slot> {
  /** The tar. Its slots hold zeros between two calls of `fill`. */
  readonly image: Buffer;
  readonly compress: GzipTemplate;
  readonly headers: readonly { readonly at: number; readonly sum: number }[];
  readonly values: readonly { readonly at: number; readonly slot: Slot }[];
}

/** Layouts kept. They differ by the lengths of ids and signatures; a group has some dozens. */
const maxLayouts = 256;

/**
 * Prepares archives with the same files.
 * @param inspect is called with the first archive of each layout and what it was filled with. Where it throws, `fill`
 *   throws the same and the layout is forgotten.
 */
export function createTarTemplate<Slot extends string>(
  files: readonly TemplateFile<Slot>[],
  inspect: (archive: Buffer, values: Readonly<Record<Slot, SlotValue>>) => void = () => {},
): TarTemplate<Slot> {
  const slots = [...new Set(files.flatMap(({ parts }) => parts.flatMap((part) => (isSlot(part) ? [part.slot] : []))))];
  const layouts = new Map<string, Layout<Slot>>();

  return {
    fill(folder, values) {
      let key = `${folder.length}`;
      for (const slot of slots) key += `,${values[slot].length}`;
      const known = layouts.get(key);
      if (known !== undefined) return fillIn(known, folder, values);

      const layout = layOut(files, folder.length, values);
      const archive = fillIn(layout, folder, values);
      inspect(archive, values);
      if (layouts.size >= maxLayouts) layouts.clear();
      layouts.set(key, layout);
      return archive;
    },
  };
}

function fillIn<Slot extends string>(
  { image, compress, headers, values: places }: Layout<Slot>,
  folder: string,
  values: Readonly<Record<Slot, SlotValue>>,
): Buffer {
  let folderSum = 0;
  for (let index = 0; index < folder.length; index++) folderSum += folder.charCodeAt(index);
  for (const { at, sum } of headers) {
    image.write(folder, at + prefixAt, 'latin1');
    writeOctal(image, sum + folderSum, at + checksumAt, checksumDigits);
  }
  for (const { at, slot } of places) {
    const value = values[slot];
    if (typeof value === 'string') image.write(value, at, 'latin1');
    else value.copy(image, at);
  }
  const archive = compress(image);
  // The layout stays in memory, and one of the values is a private key.
  for (const { at, slot } of places) image.fill(0, at, at + values[slot].length);
  return archive;
}

function isSlot<Slot>(part: string | { readonly slot: Slot }): part is { readonly slot: Slot } {
  return typeof part === 'object';
}

function layOut<Slot extends string>(
  files: readonly TemplateFile<Slot>[],
  folderLength: number,
  values: Readonly<Record<Slot, SlotValue>>,
): Layout<Slot> {
  const sized = files.map((file) => {
    const size = file.parts.reduce((sum, part) => sum + (isSlot(part) ? values[part.slot] : part).length, 0);
    return { file, size };
  });
  // Two blocks of zeros end an archive.
  const length = sized.reduce((sum, { size }) => sum + block + Math.ceil(size / block) * block, 2 * block);
  const image = Buffer.alloc(length);
  const headers: { at: number; sum: number }[] = [];
  const places: { at: number; slot: Slot }[] = [];
  const varying: Place[] = [];
  let at = 0;
  for (const { file, size } of sized) {
    headers.push({ at, sum: writeHeader(image, at, file, size) });
    varying.push({ at: at + checksumAt, length: checksumDigits }, { at: at + prefixAt, length: folderLength });
    at += block;
    let within = at;
    for (const part of file.parts) {
      const { length } = isSlot(part) ? values[part.slot] : part;
      if (isSlot(part)) {
        places.push({ at: within, slot: part.slot });
        varying.push({ at: within, length });
      } else image.write(part, within, 'latin1');
      within += length;
    }
    at += Math.ceil(size / block) * block;
  }
  return { image, compress: createGzipTemplate(image, varying), headers, values: places };
}

/** @returns the sum of the header's bytes, with an empty prefix and spaces for the checksum */
function writeHeader(image: Buffer, at: number, { path, mode }: { path: string; mode: number }, size: number): number {
  if (path.length > 100) throw new Error(`The path "${path}" is too long. A tar header has room for 100 characters.`);
  image.write(path, at, 'latin1');
  writeOctal(image, mode, at + modeAt, 7);
  image.write('0000000\0', at + 108, 'latin1'); // uid: root
  image.write('0000000\0', at + 116, 'latin1'); // gid: root
  writeOctal(image, size, at + sizeAt, 11);
  // A device without a clock starts in 1970, and its tar would complain of files from the future.
  writeOctal(image, 0, at + mtimeAt, 11);
  image.fill(' ', at + checksumAt, at + checksumAt + 8);
  image.write('0', at + typeAt, 'latin1');
  image.write('ustar\u{0}00', at + magicAt, 'latin1');
  image.write('root', at + unameAt, 'latin1');
  image.write('root', at + gnameAt, 'latin1');
  let sum = 0;
  for (let index = at; index < at + block; index++) sum += image[index] ?? 0;
  // Digits, NUL, space. The digits are written with the prefix.
  image[at + checksumAt + checksumDigits] = 0;
  return sum;
}

function writeOctal(image: Buffer, value: number, at: number, digits: number): void {
  for (let index = at + digits - 1, rest = value; index >= at; index--) {
    image[index] = 48 + (rest & 7);
    rest = Math.floor(rest / 8);
  }
}

/** A file of a tar that was read. */
export interface TarFile {
  readonly path: string;
  /** Permission bits, such as 0o644. */
  readonly mode: number;
  readonly body: Buffer;
}

/** In bytes, some hundred times a bundle. A file that unpacks to more is not a bundle, and could exhaust the memory. */
const maxUnpacked = 4 * 1024 * 1024;
/** The least `chunkSize` of node:zlib, in bytes. */
const leastChunk = 64;

/**
 * Reads the files of a ustar archive from any source, compressed or not, in order. Leaves directories out.
 * @throws FleetError `bundle-invalid`, also for links, devices, and paths that lead out of the archive
 */
export function readTar(archive: Buffer): TarFile[] {
  const tar = unpack(archive);
  const files: TarFile[] = [];
  let at = 0;
  while (at + block <= tar.length) {
    const header = tar.subarray(at, at + block);
    if (header.every((octet) => octet === 0)) return files;
    at += block;
    checkSum(header);
    const prefix = header.toString('latin1', 257, 262) === 'ustar' ? text(header, 345, 155) : '';
    const name = text(header, 0, 100);
    const path = prefix === '' ? name : `${prefix}/${name}`;
    const size = octal(header, 124, 12);
    const type = header[156];
    if (path.startsWith('/') || path.split('/').includes('..')) throw invalid('it names a path outside of itself');
    if (at + size > tar.length) throw invalid('it ends in the middle of a file');
    // '0', and NUL in archives older than POSIX: a file; '5': a directory.
    if (type === 0x30 || type === 0)
      files.push({ path, mode: octal(header, 100, 8), body: tar.subarray(at, at + size) });
    else if (type !== 0x35) throw invalid('it holds an entry that is neither a file nor a directory');
    at += Math.ceil(size / block) * block;
  }
  throw invalid('it has no end');
}

/**
 * Unpacks a tar.gz in one piece, so that the caller can zero all of it. With several pieces, zlib keeps a window of the text
 * in memory that it frees as it is.
 * @returns the archive itself when it is not compressed
 * @throws FleetError `bundle-invalid`
 */
export function unpack(archive: Buffer): Buffer {
  if (archive[0] !== 0x1f || archive[1] !== 0x8b) return archive;
  // RFC 1952 2.3.1: the trailer ends with the length. One byte more, and inflate sees the end without another piece.
  const length = archive.length < 18 ? 0 : archive.readUInt32LE(archive.length - 4);
  const chunkSize = Math.min(Math.max(length, leastChunk) + 1, maxUnpacked + 1);
  try {
    return gunzipSync(archive, { maxOutputLength: maxUnpacked, chunkSize });
  } catch (error) {
    throw new FleetError('bundle-invalid', 'The file holds no bundle: it cannot be unpacked.', { cause: error });
  }
}

function checkSum(header: Buffer): void {
  let sum = 8 * 0x20;
  for (const [index, octet] of header.entries()) if (index < 148 || index >= 156) sum += octet;
  if (sum !== octal(header, 148, 8)) throw invalid('one of its headers has a wrong checksum');
}

function text(header: Buffer, at: number, length: number): string {
  return header.toString('latin1', at, at + length).replace(/\0.*$/s, '');
}

function octal(header: Buffer, at: number, length: number): number {
  const digits = text(header, at, length).trim();
  if (!/^[0-7]{1,11}$/.test(digits)) throw invalid('one of its headers has a field that is not an octal number');
  return Number.parseInt(digits, 8);
}

const invalid = (how: string) => new FleetError('bundle-invalid', `The file holds no bundle: ${how}.`);
