import { format, getFormatFromId, getFormatInfo } from 'numfmt';
import { limits, tooLarge } from './limits.ts';
import type { Part } from './package.ts';
import { readXml } from './xml.ts';

/** How cells of one style show a number. */
export interface NumberFormat {
  readonly kind: 'plain' | 'date' | 'digits';
  /** The format code. */
  readonly code: string;
}

export interface ShownNumber {
  readonly text: string;
  /** The spreadsheet shows a date or time; the text is in ISO 8601. */
  readonly isDate?: boolean;
  /** The spreadsheet shows less than the cell has, or other signs. */
  readonly isPlain?: boolean;
}

/**
 * Characters that the format General shows of a number, at most
 * (https://support.microsoft.com/office/number-format-codes-5026bbd6-04bc-48cd-bf33-80f18b4eae68).
 */
const generalCharacters = 11;

const general: NumberFormat = { kind: 'plain', code: 'General' };

/** Formats of East Asian and Thai dates, which have a number and no code (ECMA-376, part 1, 18.8.30). */
const isLocalDate = (id: number) => (id >= 27 && id <= 36) || (id >= 50 && id <= 58) || (id >= 71 && id <= 81);

/**
 * Reads the number format of each cell style (ECMA-376, part 1, 18.8).
 * @param part absent for a workbook without styles
 * @returns the format of a style, by its position
 */
export async function readFormats(part: Part | undefined): Promise<(style: number) => NumberFormat> {
  const codes = new Map<number, string>();
  const ids: number[] = [];
  const known = new Map<number, NumberFormat>();
  let isCellFormats = false;
  if (part !== undefined) {
    await readXml(part, {
      open(name, attributes) {
        const id = Number(attributes['numFmtId'] ?? 0);
        if (name === 'cellXfs') isCellFormats = true;
        else if (name === 'xf' && isCellFormats) ids.push(id);
        else if (name === 'numFmt') codes.set(id, attributes['formatCode'] ?? '');
        if (codes.size <= limits.numberFormats) return;
        throw tooLarge(
          `The workbook has more than ${limits.numberFormats} number formats`,
          `${limits.numberFormats} formats`,
        );
      },
      close(name) {
        if (name === 'cellXfs') isCellFormats = false;
      },
    });
  }
  return (style) => {
    const id = ids[style] ?? 0;
    const found = known.get(id) ?? formatOf(id, codes.get(id));
    known.set(id, found);
    return found;
  };
}

function formatOf(id: number, own: string | undefined): NumberFormat {
  if (own === undefined && isLocalDate(id)) return { kind: 'date', code: '' };
  const code = own ?? getFormatFromId(id) ?? 'General';
  // Excel takes 255 characters.
  if (code.length > 255) return general;
  const { type } = getFormatInfo(code);
  if (type === 'date' || type === 'datetime' || type === 'time') return { kind: 'date', code };
  return { kind: type === 'number' ? 'digits' : 'plain', code };
}

/**
 * The text of a number. A format of digits and fixed signs is followed, as `00000` or `"SN-"000-000`, while it shows the
 * whole number. Every other number is written out: `3.5203E+14`, `1,234` and `12 %` would lose digits or depend on the
 * country. A number beyond 15 digits is written as 1.2E+16: the spreadsheet has lost its last digits, and the row reader says so.
 * @param value as in the file; finite
 */
export function shownNumber(value: number, { kind, code }: NumberFormat, date1904: boolean): ShownNumber {
  if (kind === 'date') return { text: dateText(value, code, date1904), isDate: true };
  const text = plainNumber(value);
  if (kind === 'digits') {
    const shown = formatted(code, value);
    if (shown !== undefined && isWhole(shown, value, text)) return { text: shown };
  }
  const isShown = (code === 'General' || code === '@') && text.replace('-', '').length <= generalCharacters;
  return isShown ? { text } : { text, isPlain: true };
}

function formatted(code: string, value: number): string | undefined {
  try {
    return format(code, value).trim();
  } catch {
    return undefined;
  }
}

/** Whether the text that is shown has the whole number: the same value, or all of its digits with other signs between. */
function isWhole(shown: string, value: number, text: string): boolean {
  if (/^-?\d+(?:\.\d+)?$/.test(shown)) return Number(shown) === Number(text);
  if (!Number.isInteger(value) || value < 0) return false;
  const digits = shown.replace(/\D/g, '');
  return digits.replace(/^0+(?=\d)/, '') === text;
}

/** The number with the 15 digits that a spreadsheet keeps. */
function plainNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  const kept = Number(value.toPrecision(15));
  if (kept === 0) return '0';
  const size = Math.abs(kept);
  if (size < 1e15 && (Number.isInteger(kept) || size >= 1e-6)) return String(kept);
  const [digits = '', exponent = ''] = value.toExponential().split('e');
  return `${digits}E${exponent.slice(0, 1)}${exponent.slice(1).padStart(2, '0')}`;
}

const dayMs = 86_400_000;

/** 9999-12-31, the last day of a spreadsheet. */
const lastDay = 2_958_465;

/**
 * A date serial number in ISO 8601: days since 1899-12-30, or 1904-01-01; only the time below one day, and hours in all for
 * a format such as `[h]:mm`. The
 * spreadsheet shows #### for a number that is not a date, and so do we.
 */
function dateText(value: number, code: string, date1904: boolean): string {
  const serial = date1904 ? value + 1462 : value;
  if (value < 0 || serial >= lastDay + 1) return '#####';
  // Whole seconds: a time is a fraction that binary numbers do not have.
  const seconds = Math.round((value % 1) * 86_400);
  const time = new Date(seconds * 1000).toISOString().slice(11, 19);
  if ((value > 0 && value < 1) || /\[(?:h+|m+|s+)\]/i.test(code)) {
    const hours = Math.floor(Math.round(value * 86_400) / 3600);
    return `${String(hours).padStart(2, '0')}:${time.slice(3)}`;
  }
  const day = Math.floor(serial) + (seconds === 86_400 ? 1 : 0);
  // Spreadsheets have a 29 February 1900, which was not (https://learn.microsoft.com/office/troubleshoot/excel/wrongly-assumes-1900-is-leap-year).
  const date =
    day === 60
      ? '1900-02-29'
      : new Date(Date.UTC(1899, 11, day < 60 ? 31 : 30) + day * dayMs).toISOString().slice(0, 10);
  return seconds % 86_400 === 0 ? date : `${date}T${time}`;
}
