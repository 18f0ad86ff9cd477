/** How the bytes of a manifest are text. UTF-16 is recognized by its byte order mark only. */
export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be';

const byteOrderMark = 0xfeff;

/** @param head the beginning of the file */
export function encodingOf(head: Uint8Array): Encoding {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  return head[0] === 0xfe && head[1] === 0xff ? 'utf-16be' : 'utf-8';
}

/** Bytes of one code unit. */
export function unitBytes(encoding: Encoding): 1 | 2 {
  return encoding === 'utf-8' ? 1 : 2;
}

/** @param bytes whole characters */
export function decodeText(bytes: Buffer, encoding: Encoding): string {
  if (encoding === 'utf-8') return bytes.toString('utf8');
  const littleEndian = encoding === 'utf-16le' ? bytes : Buffer.from(bytes).swap16();
  // Half of a surrogate pair becomes U+FFFD, which the row reader refuses.
  return littleEndian.toString('utf16le').toWellFormed();
}

/**
 * One byte per code unit of UTF-16, so that the scanner and the text check read it as they read UTF-8: ASCII as it is, a
 * blank beyond ASCII as a space, any other character as a letter. Positions are halves of those in the file.
 * @param bytes of an even length
 */
export function narrowed(bytes: Buffer, encoding: Encoding): Buffer {
  const units = Buffer.allocUnsafe(bytes.length / 2);
  for (let at = 0; at < units.length; at += 1) {
    const unit = encoding === 'utf-16le' ? bytes.readUInt16LE(2 * at) : bytes.readUInt16BE(2 * at);
    units[at] = unit < 0x80 ? unit : isWideBlank(unit) ? 0x20 : 0x78;
  }
  return units;
}

function isWideBlank(unit: number): boolean {
  const spaces = unit === 0xa0 || unit === 0x3000 || unit === 0x1680 || unit === 0x202f || unit === 0x205f;
  return spaces || unit === byteOrderMark || unit === 0x2060 || (unit >= 0x2000 && unit <= 0x200d);
}
