import { gunzipSync } from 'node:zlib';
import { FleetError } from '../errors.ts';

export interface TarFile {
  readonly path: string;
  readonly mode: number;
  readonly body: Buffer;
}

const block = 512;

/** Some hundred times a bundle. A file that unpacks to more is none, and would take our memory. */
const maxUnpacked = 4 * 1024 * 1024;

/**
 * The files of a ustar archive, compressed or not, in order, whoever made it. Directories are left out; links, devices and
 * anything that would be unpacked outside of the archive's folder are refused.
 * @throws FleetError `bundle-invalid`
 */
export function readTar(archive: Buffer): TarFile[] {
  const tar = archive[0] === 0x1f && archive[1] === 0x8b ? unpacked(archive) : archive;
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
    if (path.startsWith('/') || path.split('/').includes('..')) throw invalid(`it names a path outside of itself`);
    if (at + size > tar.length) throw invalid('it ends in the middle of a file');
    // '0', and NUL in archives older than POSIX: a file; '5': a directory.
    if (type === 0x30 || type === 0)
      files.push({ path, mode: octal(header, 100, 8), body: tar.subarray(at, at + size) });
    else if (type !== 0x35) throw invalid('it holds something else than files and directories');
    at += Math.ceil(size / block) * block;
  }
  throw invalid('it has no end');
}

function unpacked(gzip: Buffer): Buffer {
  try {
    return gunzipSync(gzip, { maxOutputLength: maxUnpacked });
  } catch (error) {
    throw new FleetError('bundle-invalid', 'This is no bundle: it cannot be unpacked.', {}, { cause: error });
  }
}

function checkSum(header: Buffer): void {
  let sum = 8 * 0x20;
  for (const [index, octet] of header.entries()) if (index < 148 || index >= 156) sum += octet;
  if (sum !== octal(header, 148, 8)) throw invalid('a header of it has a wrong checksum');
}

function text(header: Buffer, at: number, length: number): string {
  return header.toString('latin1', at, at + length).replace(/\0.*$/s, '');
}

function octal(header: Buffer, at: number, length: number): number {
  const digits = text(header, at, length).trim();
  if (!/^[0-7]{1,11}$/.test(digits)) throw invalid('one of its headers has no number where there should be one');
  return Number.parseInt(digits, 8);
}

const invalid = (how: string) => new FleetError('bundle-invalid', `This is no bundle: ${how}.`);
