/*
 * Texts that a spreadsheet changes when it opens a CSV file and saves it again. It takes them for numbers, dates, times, amounts
 * or truth values, by the rules of its language: `00071` becomes 71, `1E5` 100000, `3-4` a date, `1.5` in German the first of May.
 * https://support.microsoft.com/office/keeping-leading-zeros-and-large-numbers-1bf7b935-36e1-4985-842f-5dfa51f85fe7
 */

/** Numbers that come back as they were. A spreadsheet shortens those of 12 digits or more, and Excel keeps 15 digits. */
const plainNumber = /^(?:0|-?[1-9]\d{0,8}|-(?:0|[1-9]\d{0,5})\.\d{0,4}[1-9])$/;

/** Longest text that can be a date or an amount, in characters. Longer ones can be numbers only. */
const maxDateLength = 40;
const longNumber = /^[\s+-]*\p{Nd}[\p{Nd}.,\s]*(?:[eE][+-]?\p{Nd}+)?$/u;

/** Digits of any script with the signs of numbers, dates, times, fractions, percentages and amounts; `5e10`. */
const numberLike = /^[\s(+\-.,\p{Sc}]*\p{Nd}[\p{Nd}\s.,:;/\\\-+'’%‰()\p{Sc}]*(?:[eEdD][+-]?\p{Nd}+)?[\s)%\p{Sc}]*$/u;

const time = /^\s*\d{1,4}(?::\d{1,2}){0,2}(?:\.\d+)?(?:\s*[ap]\.?m\.?|\s+[ap])\s*$/i;

/** ISO 8601 (LibreOffice reads it). */
const timestamp = /^\s*\d{4}-\d\d-\d\d[T ]\d\d:?\d\d/;

/** `1-Mar`, `3. März 2027`. The names of months differ by language, so any word counts. */
const dayAndMonth = /^\s*\d{1,4}[\s./-]{0,3}\p{L}{3,12}\.?(?:[\s.,/-]{1,3}\d{1,4})?(?:\s+\d{1,2}:.*)?\s*$/u;

/** `MAR1`, `Sept-12`, `May 2027`, with the first letters of the months in Western European languages. */
const monthAndDay =
  /^\s*(?:jan|ene|gen|f[eé]b|f[eé]v|mar|m[aä]r|mrz|apr|abr|avr|may|mai|mei|mag|maj|jun|jui|giu|jul|lug|aug|ago|ao[uû]|sep|set|oct|okt|ott|out|nov|dec|d[eé]c|dez|dic)\p{L}{0,7}\.?[\s.,/-]{0,3}\d{1,4}(?:[\s.,/-]{1,3}\d{1,4})?\s*$/iu;

/** True and false in the languages of Excel. */
const truth =
  /^\s*(?:true|false|wahr|falsch|vrai|faux|vero|falso|verdadero|verdadeiro|waar|onwaar|sant|falskt?|usann|sand|tosi|epätosi|prawda|fałsz|pravda|nepravda|igaz|hamis|doğru|yanlış|истина|ложь|真|偽|假|참|거짓)\s*$/iu;

/**
 * True for a text that a spreadsheet may change when it opens a CSV file.
 * @example
 * isChangedBySpreadsheet('00071'); // true
 * isChangedBySpreadsheet('71'); // false
 * isChangedBySpreadsheet('gw-1'); // false
 */
export function isChangedBySpreadsheet(text: string): boolean {
  if (plainNumber.test(text)) return false;
  if (text.length > maxDateLength) return longNumber.test(text);
  return [numberLike, time, timestamp, dayAndMonth, monthAndDay, truth].some((pattern) => pattern.test(text));
}
