import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from 'yauzl';
import { FleetError } from '../../errors.ts';
import { badWorkbook, limits, mebibytes, tooLarge } from './limits.ts';

/** A file that is read by ranges: a blob, or bytes in memory. */
export interface RangeSource {
  /** Length of the file. */
  readonly bytes: number;
  /** @returns `length` bytes from byte `offset`; fewer only at the end of the file */
  read(offset: number, length: number): Promise<Buffer>;
}

/** Bytes in memory as a source. */
export function bytesSource(bytes: Uint8Array): RangeSource {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { bytes: buffer.length, read: async (offset, length) => buffer.subarray(offset, offset + length) };
}

/** The parts of a workbook (ECMA-376, part 2: Open Packaging Conventions). Names are compared without regard to case. */
export interface Package {
  /** As written, without the slash before them. */
  readonly names: readonly string[];
  /** The bytes of a part. @returns undefined when there is none. @throws FleetError `manifest-workbook`, `manifest-too-large` */
  part(name: string, maxBytes: number): Part | undefined;
}

/** One part as a stream of its unpacked bytes. */
export interface Part {
  readonly name: string;
  readonly content: AsyncIterable<Buffer>;
}

/** Bytes of one read. The central directory and the small parts of a workbook are within one or two of them. */
const pageBytes = 1024 * 1024;

/** Pages that are kept. Sheet and texts are read one after the other, with the directory between. */
const keptPages = 3;

/**
 * Opens a ZIP archive.
 * @throws FleetError `manifest-workbook` when it is damaged or encrypted, `manifest-too-large`, and any error of `source`
 */
export async function openPackage(source: RangeSource): Promise<Package> {
  const reader = new PagedReader(source);
  const options = { lazyEntries: true, autoClose: false, decodeStrings: true, validateEntrySizes: true };
  const zip = await fromRandomAccessReaderPromise(reader, source.bytes, options).catch((error) => {
    throw reader.reasonOf(error);
  });
  if (zip.entryCount > limits.parts)
    throw tooLarge(`The workbook has ${zip.entryCount} parts`, `${limits.parts} parts`);
  const entries = new Map<string, Entry>();
  try {
    for await (const entry of zip.eachEntry()) {
      const key = entry.fileName.toLowerCase();
      if (entries.has(key)) throw damaged(`it has two parts ${entry.fileName}`);
      entries.set(key, entry);
    }
  } catch (error) {
    throw reader.reasonOf(error);
  }
  return {
    names: [...entries.values()].map(({ fileName }) => fileName),
    part(name, maxBytes) {
      const entry = entries.get(name.toLowerCase());
      return entry && { name: entry.fileName, content: contentOf(zip, entry, maxBytes, reader) };
    },
  };
}

/** Unpacks a part and checks its checksum, which yauzl does not. */
async function* contentOf(zip: ZipFile, entry: Entry, maxBytes: number, reader: PagedReader): AsyncGenerator<Buffer> {
  const { fileName, compressedSize, uncompressedSize } = entry;
  if (entry.isEncrypted())
    throw badWorkbook(`The part ${fileName} is encrypted. Save the workbook without a password.`);
  if (!entry.canDecodeFileData())
    throw damaged(`${fileName} is packed by method ${entry.compressionMethod}, not by deflate`);
  // yauzl ends a part that has more bytes than the directory says, so these hold for the real sizes.
  if (uncompressedSize > maxBytes) {
    throw tooLarge(`The part ${fileName} has ${mebibytes(uncompressedSize)} unpacked`, mebibytes(maxBytes));
  }
  if (uncompressedSize > limits.ratioFrom && uncompressedSize > limits.ratio * compressedSize) {
    const ratio = Math.round(uncompressedSize / Math.max(compressedSize, 1));
    throw tooLarge(`The part ${fileName} grows ${ratio} times when it is unpacked`, `${limits.ratio} times`);
  }
  try {
    let checksum = 0;
    for await (const piece of await zip.openReadStreamPromise(entry)) {
      checksum = crc32(piece, checksum);
      yield piece;
    }
    if (checksum !== entry.crc32) throw damaged(`the checksum of ${fileName} is wrong`);
  } catch (error) {
    throw reader.reasonOf(error);
  }
}

function damaged(what: string, cause?: unknown): FleetError {
  const message = `The workbook is damaged or not complete: ${what}. Save it again in the spreadsheet, and send it again.`;
  return badWorkbook(message, { cause });
}

/** Reads in large pages, since each read of a blob is a request. */
class PagedReader extends RandomAccessReader {
  private readonly source: RangeSource;
  /** By position, the one read last at the end. */
  private readonly pages = new Map<number, Promise<Buffer>>();
  /** The error of a read that failed. */
  private failed: unknown;

  constructor(source: RangeSource) {
    super();
    this.source = source;
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.ranges(start, end), { objectMode: false });
  }

  /** An error of the source or of ours as it is. Any other error is yauzl's or zlib's, and about the archive. */
  reasonOf(error: unknown): unknown {
    if (error === this.failed || error instanceof FleetError) return error;
    const text = error instanceof Error ? error.message : String(error);
    return damaged(text.replace(/\.$/, ''), error);
  }

  override close(callback: (error: Error | null) => void): void {
    callback(null);
  }

  private async *ranges(start: number, end: number): AsyncGenerator<Buffer> {
    for (let at = start; at < end; ) {
      const page = await this.page(Math.floor(at / pageBytes));
      const from = at % pageBytes;
      const part = page.subarray(from, from + end - at);
      if (part.length === 0) throw damaged(`it ends at byte ${at}`);
      yield part;
      at += part.length;
    }
  }

  private page(number: number): Promise<Buffer> {
    const page = this.pages.get(number) ?? this.source.read(number * pageBytes, pageBytes);
    this.pages.delete(number);
    this.pages.set(number, page);
    const [oldest] = this.pages.keys();
    if (this.pages.size > keptPages && oldest !== undefined) this.pages.delete(oldest);
    page.catch((error) => {
      this.failed = error;
      this.pages.delete(number);
    });
    return page;
  }
}
