import { readFileSync } from 'node:fs';

/** A certificate as recorded when a CA key signed it. */
export interface SignedCertificate {
  /** Milliseconds since 1970, before the signature. */
  readonly at: number;
  readonly key: string;
  /** Lower-case hex. */
  readonly serialNumber: string;
}

/** Reads the certificates of a CA_SIGNING_JOURNAL, in order. Skips requests (PKCS#10), which are signed too. */
export function readSigned(file: string): SignedCertificate[] {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return lines.flatMap((line) => {
    const { at, key, signed } = JSON.parse(line) as { at: number; key: string; signed: string };
    const serialNumber = serialOf(Buffer.from(signed, 'base64'));
    return serialNumber === undefined ? [] : [{ at, key, serialNumber }];
  });
}

/** TBSCertificate ::= SEQUENCE { version [0] EXPLICIT, serialNumber INTEGER, ... } (RFC 5280, 4.1); read by hand. */
function serialOf(toBeSigned: Buffer): string | undefined {
  let at = 0;
  function head(): { tag: number; length: number } {
    const tag = toBeSigned[at++] ?? 0;
    let length = toBeSigned[at++] ?? 0;
    if (length > 0x80) {
      const octets = length & 0x7f;
      length = toBeSigned.readUIntBE(at, octets);
      at += octets;
    }
    return { tag, length };
  }
  if (head().tag !== 0x30) return undefined;
  const version = head();
  if (version.tag !== 0xa0) return undefined;
  at += version.length;
  const serial = head();
  if (serial.tag !== 0x02) return undefined;
  return toBeSigned
    .subarray(at, at + serial.length)
    .toString('hex')
    .replace(/^00/, '');
}
