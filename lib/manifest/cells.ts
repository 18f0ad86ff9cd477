import { excerpt } from '../errors.ts';
import { trimBlanks } from './blanks.ts';
import { withoutGuard } from './csv.ts';
import type { RepairCount } from './repairs.ts';

const shortWord = /^(?:null|n\/?a|nan|none|undefined|err:5\d\d)$/i;
const maxShortWord = 9;

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
  if (first <= 0x39) return cell.includes('+');
  return cell.length <= maxShortWord && shortWord.test(cell);
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

/** Error values of Excel, in English and German, of Excel when a column is too narrow, and of LibreOffice. */
const errorValue =
  /^(?:#(?:REF!|N\/A|VALUE!|DIV\/0!|NAME\?|NUM!|NULL!|SPILL!|CALC!|FIELD!|BLOCKED!|CONNECT!|UNKNOWN!|BUSY!|GETTING_DATA|NV|WERT!|BEZUG!|ZAHL!)|#{3,}|Err:5\d\d)$/i;

/** As spreadsheets and pandas write a number of many digits. */
const scientific = /^[+-]?\d(?:[.,]\d+)?E\+\d{2,3}$/i;

const emptyWord = /^(?:null|n\/?a|nan|none|undefined|-)$/i;

/** True for a word that programs write for "no value". */
export function isEmptyWord(text: string): boolean {
  return emptyWord.test(text);
}

/**
 * What a spreadsheet or a conversion did to a text.
 * @returns the end of a sentence that begins with the value, and what to do; undefined when nothing is seen
 */
export function textDamage(text: string): string | undefined {
  if (errorValue.test(text)) return 'is an error value of a spreadsheet. Correct the formula, or empty the cell.';
  if (scientific.test(text)) {
    return 'is a number as a spreadsheet shortens it: its last digits are lost. Format the column as text, and take the value from the original list.';
  }
  if (text.includes('\ufffd')) {
    return 'contains U+FFFD in place of a character that an earlier conversion lost. Write the character again.';
  }
  const hidden = /[\u200b\u2060\ufeff]/.exec(text)?.[0];
  if (hidden !== undefined) return `contains ${characterName(hidden)}, which is not visible. Remove it.`;
  if (/^[“”„«].*[“”»]$/s.test(text)) return 'is in curly quotes. Write straight quotes (") around the cell, or none.';
  return undefined;
}

const names: Readonly<Record<string, string>> = {
  '\u00a0': 'no-break space',
  '\u200b': 'zero-width space',
  '\u2060': 'word joiner',
  '\ufeff': 'byte order mark',
  '“': 'curly quote',
  '”': 'curly quote',
  '„': 'curly quote',
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
  const name = isFullWidth ? 'full-width character' : names[character];
  const code = `U+${point.toString(16).toUpperCase().padStart(4, '0')}`;
  const shown = /\p{L}|\p{N}|\p{P}|\p{S}/u.test(character) ? `"${character}" ` : '';
  return name === undefined ? `${shown}(${code})` : `${shown}(${code}, ${name})`;
}

/** What is wrong with a cell of a `:number` column, beyond its type. */
export function numberHint(cell: string): string {
  if (/[\uff10-\uff19\uff0e\uff0c]/.test(cell))
    return ` Write it without full-width digits: ${excerpt(cell.normalize('NFKC'))}.`;
  if (/^-?\d{1,3}(?:,\d{3})+$/.test(cell))
    return ' It has a comma. Write a decimal point, and no comma between thousands.';
  if (/^-?[\d.]+,\d+$/.test(cell)) {
    return ` It has a decimal comma. Write ${excerpt(cell.replaceAll('.', '').replace(',', '.'))}.`;
  }
  if (/[“”„’]/.test(cell)) return ' It has curly quotes. Remove them.';
  return '';
}
