import { deviceId as deviceIdRule, idRule } from '../devices/ids.ts';
import { excerpt } from '../errors.ts';
import { characterName, textDamage } from './cells.ts';
import { noDeviceId } from './device-fields.ts';
import type { CellError, TextFormat } from './manifest.ts';

/**
 * Everything that is wrong with a device id, in one error.
 * @param format words for "no value" are refused in each format, habits of spreadsheets in CSV
 * @returns undefined when the id is accepted
 */
export function idError(id: string, format: TextFormat): CellError | undefined {
  if (id === '') return noDeviceId;
  const habit = mayBeHabit.test(id) ? habitOf(id, format) : undefined;
  if (habit !== undefined) return refused(id, habit);
  if (deviceIdRule.test(id)) return undefined;
  const damage = textDamage(id);
  if (damage !== undefined) return refused(id, damage);
  const mended = acceptedForm(id);
  const advice = mended === undefined ? '' : ` Write "${mended}".`;
  return refused(id, `${faultsOf(id)}.${advice} Use ${idRule}.`);
}

/** The error of a date serial number: a date as a spreadsheet counts it, in days since 1900. */
export function dateSerialError(id: string): CellError {
  const date = new Date(Date.UTC(1899, 11, 30) + Number(id) * 86_400_000).toISOString().slice(0, 10);
  return refused(id, `may be the date ${date}, as a spreadsheet counts days. ${takeOriginal}`);
}

/** True for a number that a spreadsheet may show for a date of 2000 to 2050. */
export function mayBeDateSerial(id: string): boolean {
  return /^\d{5}$/.test(id) && id >= '36526' && id <= '55153';
}

function refused(id: string, what: string): CellError {
  const value = excerpt(id);
  const message = `Device id ${JSON.stringify(value)} ${what}`;
  return { column: 'deviceId', code: 'device-id-invalid', message, expected: idRule, value };
}

/** Longest id for which an accepted form is looked for, in characters: 64, with brackets or blanks around it. */
const maxMendedLength = 80;

/** Whether an id can be one of the habits below: a cheap test that nearly all ids fail. */
const mayBeHabit = /^(?:[\d+-]|#|[([<]?[a-z./ä ]{2,16}:?[)\]>]?$|[a-zä]{3,9}[-. ])/i;

const noValue = /^[([<]?(?:null|nil|none|nan|na|n\/a|n\.a\.?|undefined|true|false|blank|empty|0|-+)[)\]>]?$/i;
const footer =
  /^(?:(?:grand |sub)?totals?|sum|count|average|gesamt|summe|anzahl|\d+ (?:rows?|devices?|records?|items?))\b:?$/i;
const scientific = /^[+-]?\d+(?:[.,]\d+)?e\+\d+$|^[+-]?\d+[.,]\d+e-?\d+$/i;
const month =
  'jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|mär|mrz|apr(?:il)?|may|mai|june?|july?|aug(?:ust)?|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?';
const dates = [
  /^(?:0?[1-9]|[12]\d|3[01])[./-](?:0?[1-9]|[12]\d|3[01])[./-](?:19|20)\d\d(?:[ t].*)?$/i,
  /^(?:19|20)\d\d[./-](?:0?[1-9]|1[0-2])[./-](?:0?[1-9]|[12]\d|3[01])(?:[ t].*)?$/i,
  /^\d{1,2}\/\d{1,2}\/\d{2}$/,
  new RegExp(`^\\d{1,2}[-. ]{1,2}(?:${month})(?:[-. ]{1,2}(?:\\d\\d){1,2})?$`, 'i'),
  new RegExp(`^(?:${month})[-. ]{1,2}(?:\\d\\d){1,2}$`, 'i'),
];

const takeOriginal = 'Format the column as text, and take the id from the original list.';

/** What programs write in place of an id, or make of it. */
function habitOf(id: string, format: TextFormat): string | undefined {
  if (noValue.test(id)) return 'is what programs write for "no value". Fill in the id, or remove the row.';
  if (format !== 'csv') return undefined;
  if (footer.test(id)) return 'belongs to a footer of the table. Remove the row.';
  if (scientific.test(id)) return `is a number as a spreadsheet shortens it: its last digits are lost. ${takeOriginal}`;
  if (/^\d+[.,]0+$/.test(id))
    return `is a number with decimals. Write "${id.replace(/[.,].*/, '')}", with the leading zeros that it had.`;
  if (dates.some((date) => date.test(id))) return `is a date: a spreadsheet made it of an id. ${takeOriginal}`;
  return undefined;
}

/** True when the cells repeat the header. */
export function isHeaderAgain(id: string): boolean {
  return /^device[\s_-]*id$/i.test(id);
}

/** What breaks the rule, as the end of a sentence. */
function faultsOf(id: string): string {
  const faults: string[] = [];
  if (id.length > 64) faults.push(`is ${id.length} characters long`);
  if (id !== id.toLowerCase()) faults.push('has upper case');
  const wrong = [...new Set(id.toLowerCase())].filter((character) => !/[a-z0-9._-]/.test(character));
  const begins = /^[._-]/.exec(id)?.[0];
  const ends = /[._-]$/.exec(id)?.[0];
  const invalid = [
    ...(wrong.length > 0 ? [`contains ${wrong.slice(0, 5).map(characterName).join(', ')}`] : []),
    ...(begins === undefined ? [] : [`begins with "${begins}"`]),
    ...(ends === undefined ? [] : [`ends with "${ends}"`]),
  ];
  if (invalid.length > 0) faults.push(`is not valid: it ${invalid.join(' and ')}`);
  return faults.join(' and ') || 'is not valid';
}

/**
 * The id as it would be accepted: in lower case, `-` for colons and blanks, without brackets and quotes around it.
 * @returns undefined when more than that is wrong
 */
function acceptedForm(id: string): string | undefined {
  // Also bounds the time of the expressions below.
  if (id.length > maxMendedLength) return undefined;
  const mended = id
    .normalize('NFKC')
    .toLowerCase()
    .trim()
    .replace(/^[{([<"'“„]+|[})\]>"'”“]+$/g, '')
    .replace(/[:\s]+/g, '-');
  return deviceIdRule.test(mended) ? mended : undefined;
}
