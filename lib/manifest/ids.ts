import { deviceId as deviceIdRule, idRule } from '../devices/ids.ts';
import { excerpt } from '../errors.ts';
import { invisible } from './blanks.ts';
import { characterName, textDamage } from './cells.ts';
import { noDeviceId } from './device-fields.ts';
import type { CellError, ManifestFormat } from './manifest.ts';

/**
 * Everything that is wrong with a device id, in one error.
 * @param format words for "no value" are refused in each format, habits of spreadsheets in CSV
 * @returns undefined when the id is accepted
 */
export function idError(id: string, format: ManifestFormat): CellError | undefined {
  if (id === '') return noDeviceId;
  const habit = mayBeHabit.test(id) ? habitOf(id, format) : undefined;
  if (habit !== undefined) return refused(id, habit);
  if (deviceIdRule.test(id)) return undefined;
  const damage = textDamage(id) ?? (format === 'csv' && footerLine.test(id) ? footerFound : undefined);
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

/** True for a number that a spreadsheet may show for a date of 2000 to 2050; with a fraction for the time of day. */
export function mayBeDateSerial(id: string): boolean {
  if (id.length < 5 || id < '36526' || id >= '55154') return false;
  return id.length === 5 ? /^\d+$/.test(id) : /^\d{5}\.\d+$/.test(id);
}

function refused(id: string, what: string): CellError {
  const value = excerpt(id);
  const message = `Device id ${JSON.stringify(value)} ${what}`;
  return { column: 'deviceId', code: 'device-id-invalid', message, expected: idRule, value };
}

/** Longest id for which an accepted form is looked for, in characters: 64, with brackets or blanks around it. */
const maxMendedLength = 80;

const month =
  'jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|märz?|mrz|apr(?:il)?|may|mai|june?|july?|aug(?:ust)?|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?|févr?|avr|juil|août|déc|ene|abr|ago|dic';
/**
 * Whether an id can be one of the habits below: a cheap test that most ids fail. A number without a fraction has none, except
 * 0 alone.
 */
const mayBeHabit = new RegExp(
  `^(?:0$|\\d{1,20}[^\\d]|[+\\-*=\\\\([<]|[\\p{L}./ ]{2,24}:?$|(?:${month})[-. ]|system\\.)`,
  'iu',
);

const noValue =
  /^[([<]?(?:null|nil|none|nan|nat|na|n\/a|n\.a\.?|undefined|unknown|true|false|blank|empty|tbd|object object|[+-]?inf(?:inity)?|0|-+)[)\]>]?$|^\\n$|^system\.object(?:\[\])?$/i;
const footer =
  /^(?:(?:grand |sub)?totals?|sum|count|average|gesamt(?:summe)?|summe|anzahl|mittelwert|somme|suma|totale|\(?\d+ (?:rows?|devices?|records?|items?)(?:\(s\))?(?: affected| selected)?\)?):?$/i;
/** Text with a blank or colon, so it is never an id. */
const footerLine =
  /^[*=#\s-]*(?:(?:grand |sub)?totals?|sum|count|rows?|gesamt|summe|anzahl|page|seite|printed|generated|report|end of)[\s:].*$/i;
const footerFound = 'belongs to a footer of the table. Remove the row.';
const scientific = /^[+-]?\d+(?:[.,]\d+)?e\+\d+$|^[+-]?\d+[.,]\d+e-?\d+$/i;
/** Lower case may be an id. */
const smallScientific = /^\d+E-\d{2,3}$/;
const dates = [
  /^(?:0?[1-9]|[12]\d|3[01])[./-](?:0?[1-9]|[12]\d|3[01])[./-](?:19|20)\d\d(?:[ t].*)?$/i,
  /^(?:19|20)\d\d[./-](?:0?[1-9]|1[0-2])[./-](?:0?[1-9]|[12]\d|3[01])(?:[ t].*)?$/i,
  /^(?:19|20)\d\d年\d{1,2}月(?:\d{1,2}日)?$/,
  /^\d{1,2}\/\d{1,2}\/\d{2}$/,
  new RegExp(`^\\d{1,2}[-. ]{1,2}(?:${month})(?:[-. ]{1,2}(?:\\d\\d){1,2})?$`, 'i'),
  new RegExp(`^(?:${month})[-. ]{1,2}(?:\\d{1,2}, )?(?:\\d\\d){1,2}$`, 'i'),
];

const takeOriginal = 'Format the column as text, and take the id from the original list.';

/** What programs write in place of an id, or make of it. */
function habitOf(id: string, format: ManifestFormat): string | undefined {
  if (noValue.test(id)) return 'is what programs write for "no value". Fill in the id, or remove the row.';
  if (format !== 'csv') return undefined;
  if (footer.test(id)) return footerFound;
  if (scientific.test(id) || smallScientific.test(id))
    return `is a number as a spreadsheet shortens it: its last digits are lost. ${takeOriginal}`;
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
  if (/[A-Z]/.test(id)) faults.push('has upper case');
  const wrong = [...new Set(id)].filter((character) => !/[A-Za-z0-9._-]/.test(character));
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
 * The id as it would be accepted: in lower case, `-` for colons, blanks and typographic dashes, without brackets and quotes
 * around it, without characters that are not visible, and with plain letters for full-width ones.
 * @returns undefined when more than that is wrong
 */
function acceptedForm(id: string): string | undefined {
  // Also bounds the time of the expressions below.
  if (id.length > maxMendedLength) return undefined;
  const mended = id
    .replace(/[\uff01-\uff5e]/g, (wide) => wide.normalize('NFKC'))
    .replace(/[\u2010-\u2015\u2212]/g, '-')
    .replace(invisible, '')
    .trim()
    .replace(/^[{([<"'`“„‘«]+|[})\]>"'`”“’»]+$/g, '')
    .replace(/^urn:(?:uuid|dev:mac):/i, '')
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase())
    .replace(/[:\s]+/g, '-');
  return deviceIdRule.test(mended) ? mended : undefined;
}
