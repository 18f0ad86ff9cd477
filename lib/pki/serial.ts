import { createHash, randomFillSync } from 'node:crypto';

/**
 * A serial number for a new certificate. 126 of its bits are random (RFC 5280 4.1.2.2 allows 20 octets; the CA/Browser Forum
 * wants 64 random bits). The first octet is 40 to 7f, so that the INTEGER is positive and always 16 octets long: a template
 * needs serial numbers of one length.
 * @returns 16 octets, lower-case hex
 * @example
 * newSerialNumber() // '5f0c6f0e8f1f4d6b9f5a1c2e3d4b5a69'
 */
export function newSerialNumber(random: (bytes: number) => Buffer = drawn): string {
  return asSerialNumber(random(16));
}

/** Random octets are drawn 4 KiB at a time, since a smaller draw costs as much. None is used twice. */
const stock = Buffer.alloc(4096);
let taken = stock.length;

function drawn(bytes: number): Buffer {
  if (taken + bytes > stock.length) {
    randomFillSync(stock);
    taken = 0;
  }
  taken += bytes;
  return stock.subarray(taken - bytes, taken);
}

/**
 * The serial number of a certificate that belongs to another one, such as a device's Edge CA to its identity. It is derived,
 * not random: the device record names the first serial number before any key signs, and so names the second one too. An
 * issuance that is repeated after a crash repeats both.
 * @param use tells several companions of one certificate apart
 * @returns 16 octets, lower-case hex
 */
export function companionSerialNumber(serialNumber: string, use: string): string {
  return asSerialNumber(createHash('sha256').update(`${use}\0${serialNumber.toLowerCase()}`).digest());
}

function asSerialNumber(octets: Buffer): string {
  const firstDigit = 4 | ((octets.readUInt8(0) >> 4) & 3);
  return `${firstDigit}${octets.toString('hex', 0, 16).slice(1)}`;
}
