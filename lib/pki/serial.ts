import { createHash, randomFillSync } from 'node:crypto';

/**
 * A serial number for a new certificate: 16 octets as lower-case hex, 126 bits of them random (RFC 5280 4.1.2.2 allows 20
 * octets; the CA/Browser Forum wants 64 random bits). The first octet is 40 to 7f, so that the INTEGER is positive and
 * always 16 octets long, which is what lets certificates of one kind differ in no length byte.
 */
export function newSerialNumber(random: (bytes: number) => Buffer = drawn): string {
  return asSerialNumber(random(16));
}

/** Random octets are drawn many at a time, since each draw costs as much as 4 KiB; none is handed out twice. */
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
 * The serial number of a second certificate that goes with a first one, such as a device's Edge CA with its identity.
 * It is derived and not drawn: the device record names the first before any key signs, and so it names the second as well,
 * and an issuance that is repeated after a crash repeats both.
 * @param use tells several companions of one certificate apart
 */
export function companionSerialNumber(serialNumber: string, use: string): string {
  return asSerialNumber(createHash('sha256').update(`${use}\0${serialNumber.toLowerCase()}`).digest());
}

function asSerialNumber(octets: Buffer): string {
  const serial = Buffer.from(octets.subarray(0, 16));
  serial.writeUInt8((serial.readUInt8(0) & 0x3f) | 0x40, 0);
  return serial.toString('hex');
}
