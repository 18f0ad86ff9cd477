import { DerError, derTag } from './der.ts';

/** A point in time and how the certificate encodes it. */
export interface CertificateTime {
  readonly date: Date;
  readonly encoding: TimeEncoding;
}

/** RFC 5280 4.1.2.5: YYMMDDHHMMSSZ through 2049, and YYYYMMDDHHMMSSZ from 2050. */
export type TimeEncoding = 'UTCTime' | 'GeneralizedTime';

const octetsOf: Readonly<Record<TimeEncoding, number>> = { UTCTime: 13, GeneralizedTime: 15 };

/** @returns the encoding that RFC 5280 wants for the time */
export function timeEncodingOf(date: Date): TimeEncoding {
  return date.getUTCFullYear() < 2050 ? 'UTCTime' : 'GeneralizedTime';
}

/**
 * Writes a time in the encoding that fits into `content`; fractions of a second are left out.
 * @param content of the element: 13 octets for a UTCTime, 15 for a GeneralizedTime
 */
export function writeTime(content: Buffer, date: Date): void {
  const year = date.getUTCFullYear();
  let at = 0;
  if (content.length === octetsOf.GeneralizedTime) {
    writeTwoDigits(content, at, Math.floor(year / 100));
    at += 2;
  }
  writeTwoDigits(content, at, year % 100);
  writeTwoDigits(content, at + 2, date.getUTCMonth() + 1);
  writeTwoDigits(content, at + 4, date.getUTCDate());
  writeTwoDigits(content, at + 6, date.getUTCHours());
  writeTwoDigits(content, at + 8, date.getUTCMinutes());
  writeTwoDigits(content, at + 10, date.getUTCSeconds());
  content[at + 12] = zulu;
}

/** @throws DerError when the content is not in the form of RFC 5280, or not a time */
export function readTime(content: Buffer, encoding: TimeEncoding): Date {
  if (content.length !== octetsOf[encoding] || content[content.length - 1] !== zulu)
    throw new DerError('has a time that is not in the form of RFC 5280');
  const at = content.length - octetsOf.UTCTime;
  const short = twoDigits(content, at);
  const year =
    encoding === 'GeneralizedTime' ? twoDigits(content, 0) * 100 + short : short + (short < 50 ? 2000 : 1900);
  const month = twoDigits(content, at + 2);
  const day = twoDigits(content, at + 4);
  const hour = twoDigits(content, at + 6);
  const minute = twoDigits(content, at + 8);
  const second = twoDigits(content, at + 10);
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // Date.UTC carries: 30 February becomes 2 March. The first years are carried to 1900.
  const isSame =
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  if (!isSame) throw new DerError(`has an impossible time, ${content.toString('latin1')}`);
  return date;
}

/** @returns undefined when the tag is not that of a time */
export function timeEncodingByTag(tag: number | undefined): TimeEncoding | undefined {
  if (tag === derTag.utcTime) return 'UTCTime';
  return tag === derTag.generalizedTime ? 'GeneralizedTime' : undefined;
}

const zero = 0x30;
const zulu = 0x5a;

function writeTwoDigits(content: Buffer, at: number, value: number): void {
  content[at] = zero + Math.floor(value / 10);
  content[at + 1] = zero + (value % 10);
}

function twoDigits(content: Buffer, at: number): number {
  const tens = (content[at] ?? 0) - zero;
  const ones = (content[at + 1] ?? 0) - zero;
  if (tens < 0 || tens > 9 || ones < 0 || ones > 9)
    throw new DerError('has a time that is not in the form of RFC 5280');
  return tens * 10 + ones;
}
