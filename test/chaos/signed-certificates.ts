import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** A certificate as recorded when a CA key signed it. */
export interface SignedCertificate {
  /** Milliseconds since 1970, before the signature. */
  readonly at: number;
  readonly key: string;
  /** Lower-case hex. */
  readonly serialNumber: string;
  /** SHA-256 of what was signed (TBSCertificate), hex. */
  readonly sha256: string;
  /** SHA-256 of the subject's public key (SubjectPublicKeyInfo), hex. */
  readonly keySha256: string;
}

/** Reads the certificates of a CA_SIGNING_JOURNAL, in order. Skips requests (PKCS#10), which are signed too. */
export function readSigned(file: string): SignedCertificate[] {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return lines.flatMap((line) => {
    const { at, key, signed } = JSON.parse(line) as { at: number; key: string; signed: string };
    const toBeSigned = Buffer.from(signed, 'base64');
    const parts = partsOf(toBeSigned);
    return parts === undefined ? [] : [{ at, key, sha256: sha256(toBeSigned), ...parts }];
  });
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/**
 * TBSCertificate ::= SEQUENCE { version [0] EXPLICIT, serialNumber INTEGER, signature, issuer, validity, subject,
 * subjectPublicKeyInfo, ... } (RFC 5280, 4.1); read by hand.
 */
function partsOf(toBeSigned: Buffer): Pick<SignedCertificate, 'serialNumber' | 'keySha256'> | undefined {
  let at = 0;
  function element(): { tag: number; start: number; content: number; end: number } {
    const start = at;
    const tag = toBeSigned[at++] ?? 0;
    let length = toBeSigned[at++] ?? 0;
    if (length > 0x80) {
      const octets = length & 0x7f;
      length = toBeSigned.readUIntBE(at, octets);
      at += octets;
    }
    const [content, end] = [at, at + length];
    at = end;
    return { tag, start, content, end };
  }
  const all = element();
  if (all.tag !== 0x30) return undefined;
  at = all.content;
  if (element().tag !== 0xa0) return undefined;
  const serial = element();
  if (serial.tag !== 0x02) return undefined;
  const [, , , , publicKey = serial] = Array.from({ length: 5 }, element);
  return {
    serialNumber: toBeSigned.subarray(serial.content, serial.end).toString('hex').replace(/^00/, ''),
    keySha256: sha256(toBeSigned.subarray(publicKey.start, publicKey.end)),
  };
}
