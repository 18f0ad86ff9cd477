import { excerpt } from '../errors.ts';
import { trimBlanks } from './blanks.ts';
import { withoutGuard } from './csv.ts';
import type { RepairCount } from './repairs.ts';

const emptyWord = /^(?:[(<[]?(?:null|n\/?a|nan|nat|none|nil|undefined)[)>\]]?|\\n|-{1,3})$/i;
const shortWord = new RegExp(`${emptyWord.source}|^err:5\\d\\d$`, 'i');
const maxWordLength = 11;

/**
 * True for a cell that may need a repair or be damaged: one with a blank at its edge, one that begins with a sign or a mark
 * of a spreadsheet, a number such as `1E+05`, a word for "no value" or an error value. Only for a cell of ASCII without
 * quotes, as nearly all are: its edges tell, so a clean cell costs no search.
 */
export function isSuspect(cell: string): boolean {
  const first = cell.charCodeAt(0);
  // Up to "-": blanks, control characters, quotes and signs. Then "=".
  if (first <= 0x2d || first === 0x3d || cell.charCodeAt(cell.length - 1) <= 0x20) return true;
  // Up to "9": digits.
  if (first <= 0x39) return cell.includes('+') || (cell.length > 16 && cell.endsWith('00'));
  return cell.length <= maxWordLength && shortWord.test(cell);
}

/** The text of a cell, repaired. */
export function cellText(cell: string, count: RepairCount): string {
  const trimmed = trimBlanks(cell);
  if (trimmed !== cell) count.add('trimmed-cells');
  const unmarked = withoutGuard(trimmed);
  if (unmarked !== trimmed) count.add('text-marks');
  return composed(unmarked, count);
}

/** The text in Unicode normalization form C. A Mac writes file names and some texts in form D. */
export function composed(text: string, count: RepairCount): string {
  // Below U+0300 nothing can be composed.
  if (!/[\u0300-\u{10ffff}]/u.test(text)) return text;
  const composedText = text.normalize('NFC');
  if (composedText !== text) count.add('nfc');
  return composedText;
}

/**
 * Error values of spreadsheets: `#REF!` and `#NAME?` in any language, those without a mark at the end, a column that is too
 * narrow, and those of LibreOffice.
 */
const errorValue = /^(?:#(?:REF!|N\/A|N\/D|NV|GETTING_DATA|¡?[\p{Lu}0-9_/]{2,20}[!?])|#{3,}|Err:5\d\d)$/u;
const errorFound = 'is an error value of a spreadsheet. Correct the formula, or empty the cell.';

/** As spreadsheets and pandas write a number of many digits. */
const scientific = /^[+-]?\d(?:[.,]\d+)?E\+\d{2,3}$/i;

/** True for a word that programs write for "no value". */
export function isEmptyWord(text: string): boolean {
  return emptyWord.test(text);
}

/** True for a number of more than 15 digits that ends with zeros: a spreadsheet keeps 15 digits of a number. */
export function mayHaveLostDigits(text: string): boolean {
  return text.length > 16 && /^\d{15}0+$/.test(text);
}

/** What is wrong with a value that is not text, beyond its type. @returns the end of a sentence */
export function valueDamage(text: string): string | undefined {
  return errorValue.test(text) ? errorFound : undefined;
}

/**
 * What a spreadsheet or a conversion did to a text.
 * @returns the end of a sentence that begins with the value, and what to do; undefined when nothing is seen
 */
export function textDamage(text: string): string | undefined {
  if (errorValue.test(text)) return errorFound;
  if (scientific.test(text)) {
    return 'is a number as a spreadsheet shortens it: its last digits are lost. Format the column as text, and take the value from the original list.';
  }
  if (text.includes('\ufffd')) {
    return 'contains U+FFFD in place of a character that an earlier conversion lost. Write the character again.';
  }
  const hidden = /[\u00ad\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff]/.exec(text)?.[0];
  if (hidden !== undefined) return `contains ${characterName(hidden)}, which is not visible. Remove it.`;
  if (/^[“”„«].*[“”»]$|^[‘‚].*[’‘]$/s.test(text))
    return 'is in curly quotes. Write straight quotes (") around the cell, or none.';
  const meant = misread(text);
  return meant === undefined
    ? undefined
    : `is UTF-8 that was read as Windows-1252. Write ${JSON.stringify(excerpt(meant))}.`;
}

/** The text that a program misread: the bytes of UTF-8 as characters of ISO 8859-1, as in `MÃ¼nchen`. */
function misread(text: string): string | undefined {
  if (!/[\u00c2-\u00f4][\u0080-\u00bf]/.test(text) || /[\u0100-\uffff]/.test(text)) return undefined;
  const meant = Buffer.from(text, 'latin1').toString('utf8');
  return meant.includes('\ufffd') ? undefined : meant;
}

const names: Readonly<Record<string, string>> = {
  '\t': 'tab',
  '\n': 'line feed',
  '\r': 'carriage return',
  '\u00ad': 'soft hyphen',
  '\u200d': 'zero-width joiner',
  '\u200e': 'left-to-right mark',
  '\u200f': 'right-to-left mark',
  '\u2011': 'no-break hyphen',
  '\u2028': 'line separator',
  '\u202e': 'right-to-left override',
  '\u2212': 'minus sign',
  '\u00a0': 'no-break space',
  '\u200b': 'zero-width space',
  '\u2060': 'word joiner',
  '\ufeff': 'byte order mark',
  '“': 'curly quote',
  '”': 'curly quote',
  '„': 'curly quote',
  '‘': 'curly apostrophe',
  '’': 'curly apostrophe',
  '–': 'en dash',
  '—': 'em dash',
};

/** A character so that it can be read: itself when it is printable ASCII, else its code point and what it is. */
export function characterName(character: string): string {
  if (character === ' ') return 'a blank';
  if (/^[\x21-\x7e]$/.test(character)) return JSON.stringify(character);
  const point = character.codePointAt(0) ?? 0;
  const isFullWidth = point >= 0xff01 && point <= 0xff5e;
  const script = /\p{Script=Cyrillic}/u.test(character)
    ? 'Cyrillic letter'
    : /\p{Script=Greek}/u.test(character)
      ? 'Greek letter'
      : undefined;
  const name = isFullWidth ? 'full-width character' : (names[character] ?? script);
  const code = `U+${point.toString(16).toUpperCase().padStart(4, '0')}`;
  const shown = /\p{L}|\p{N}|\p{P}|\p{S}/u.test(character) ? `"${character}" ` : '';
  return name === undefined ? `${shown}(${code})` : `${shown}(${code}, ${name})`;
}

/** What is wrong with a cell of a `:number` column, beyond its type. */
export function numberHint(cell: string): string {
  if (/[\uff10-\uff19\uff0e\uff0c]/.test(cell))
    return ` Write it without full-width digits: ${excerpt(cell.normalize('NFKC'))}.`;
  if (/^-?\d{1,3}(?:[\s\u202f'’]\d{3})+$/.test(cell))
    return ` It has marks between thousands. Write ${excerpt(cell.replace(/[^-\d]/g, ''))}.`;
  if (/^\u2212\d[\d.]*$/.test(cell))
    return ` It has a minus sign (U+2212). Write ${excerpt(cell.replace('\u2212', '-'))}.`;
  if (/^-?\d{1,3}(?:,\d{3})+$/.test(cell))
    return ' It has a comma. Write a decimal point, and no comma between thousands.';
  if (/^-?[\d.]+,\d+$/.test(cell)) {
    return ` It has a decimal comma. Write ${excerpt(cell.replaceAll('.', '').replace(',', '.'))}.`;
  }
  if (/[“”„’]/.test(cell)) return ' It has curly quotes. Remove them.';
  return '';
}
