import { closestMatch } from 'leven';

/** Longest text that is compared, in characters. Longer ones are not misspelt names, and the time grows with its square. */
const maxLength = 128;

/** Shortest part of a name that stands for the name, in characters. */
const minPart = 4;

/** Most characters to insert, delete or replace between a text and the name that was meant. */
const maxEdits = 3;

/**
 * The known name that was meant by a text which is none of them. Case, white space and punctuation do not count. Names that
 * differ in digits are not near: `line7` is not a misspelt `line8`.
 * @param found any text, also a hostile one
 * @returns undefined when no name is near: more than one edit per three letters, or more than three in all. A part of one name
 * only, such as `group`, means that name.
 * @example
 * suggestion('on_conflict', ['onConflict', 'enrollmentGroup']); // 'onConflict'
 * suggestion('enrolmentGroup', ['onConflict', 'enrollmentGroup']); // 'enrollmentGroup'
 * suggestion('colour', ['onConflict', 'enrollmentGroup']); // undefined
 */
export function suggestion(found: string, known: Iterable<string>): string | undefined {
  return suggester(known)(found);
}

/**
 * The end of a message about a name that is not known.
 * @returns with a blank before it; empty when no name is near
 * @example
 * didYouMean('OrderId', ['orderId']); // ' (did you mean orderId?)'
 */
export function didYouMean(found: string, known: Iterable<string>): string {
  const meant = suggestion(found, known);
  return meant === undefined ? '' : ` (did you mean ${meant}?)`;
}

/** `suggestion` for many texts: the known names are prepared once. */
export function suggester(known: Iterable<string>): (found: string) => string | undefined {
  /** By their digits, then by their text. */
  const prepared = new Map<string, Map<string, string>>();
  for (const name of known) {
    const text = comparable(name.slice(0, maxLength));
    const names = prepared.get(digitsOf(text)) ?? new Map<string, string>();
    if (!names.has(text)) names.set(text, name);
    prepared.set(digitsOf(text), names);
  }

  return (found) => {
    if (found.length > maxLength) return undefined;
    const text = comparable(found);
    const names = prepared.get(digitsOf(text));
    if (text === '' || names === undefined) return undefined;
    return names.get(nearest(text, [...names.keys()]) ?? '');
  };
}

function nearest(text: string, candidates: readonly string[]): string | undefined {
  const maxDistance = Math.min(maxEdits, Math.floor(text.length / 3));
  const near = candidates.find((name) => isSwap(text, name)) ?? closestMatch(text, candidates, { maxDistance });
  if (near !== undefined || text.length < minPart) return near;
  const [whole, ...others] = candidates.filter((name) => name.includes(text));
  return others.length > 0 ? undefined : whole;
}

/** The letters and digits of a text, in lower case. */
function comparable(text: string): string {
  const folded = text.normalize('NFKC').toLowerCase();
  return folded.replace(/[^\p{L}\p{N}]+/gu, '').slice(0, maxLength);
}

function digitsOf(text: string): string {
  return text.replace(/\D+/g, '');
}

/** True when two neighbors changed places. An edit distance counts that as two, which is too many in a short name. */
function isSwap(one: string, other: string): boolean {
  if (one.length !== other.length) return false;
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  return at + 1 < one.length && `${one.slice(0, at)}${one[at + 1]}${one[at]}${one.slice(at + 2)}` === other;
}
