/**
 * An ECDSA signature as X.509 has it, SEQUENCE { r INTEGER, s INTEGER } in DER (RFC 3279 2.2.3), from r and s side by side
 * with the curve's length each (IEEE P1363), as RFC 7518 and Key Vault have it.
 */
export function ecdsaSignatureDer(signature: Uint8Array): Uint8Array {
  const half = signature.length / 2;
  const [r, s] = [derInteger(signature.subarray(0, half)), derInteger(signature.subarray(half))];
  // Two integers of at most 48 + 1 + 2 bytes: the length always fits in one byte.
  return Buffer.concat([Uint8Array.of(0x30, r.length + s.length), r, s]);
}

/** The shortest form: no leading zeros, but one where the number would otherwise read as negative (X.690 8.3). */
function derInteger(magnitude: Uint8Array): Buffer {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start += 1;
  const bytes = magnitude.subarray(start);
  const sign = (bytes[0] ?? 0) >= 0x80 ? [0] : [];
  return Buffer.concat([Uint8Array.of(0x02, bytes.length + sign.length, ...sign), bytes]);
}
