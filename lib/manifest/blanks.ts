/*
 * Characters that are not to be seen at the edge of a value: white space of JavaScript (with the no-break space U+00A0 and
 * the byte order mark U+FEFF), zero-width characters, the soft hyphen U+00AD, marks of writing direction (U+200E and others),
 * the end-of-file mark Ctrl-Z (U+001A) and the record separator U+001E of RFC 7464.
 */
const invisibleClass = '\\u00ad\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2064\\u2066-\\u2069\\ufeff';
const blankClass = `\\s${invisibleClass}\\u001a\\u001e`;
/** Characters without width. */
export const invisible = new RegExp(`[${invisibleClass}]`, 'g');
/** Line ends at the edge of a quoted value are kept: a PEM text ends with one. */
const edgeClass = `(?:(?![\\r\\n])[${blankClass}])`;
const onlyBlanks = new RegExp(`^[${blankClass}]*$`);
const leading = new RegExp(`^${edgeClass}+`);
const trailing = new RegExp(`${edgeClass}$`);

/** True for an empty text, and for one of blanks only. */
export function isBlank(text: string): boolean {
  return onlyBlanks.test(text);
}

/** The text without blanks around it. Line ends are kept. */
export function trimBlanks(text: string): string {
  const begun = text.replace(leading, '');
  let { length } = begun;
  // From the end, character by character: an expression that looks for the last blanks takes quadratic time.
  while (length > 0 && trailing.test(begun.charAt(length - 1))) length -= 1;
  return begun.slice(0, length);
}

/**
 * The text as lower-case letters and digits, to compare names that people write in many ways. Turkish programs write `İ` for
 * an upper-case `i` and `ı` for a lower-case `I`.
 */
export function looseName(text: string): string {
  const plain = text.normalize('NFKC').toLowerCase().replaceAll('i\u0307', 'i').replaceAll('ı', 'i');
  return plain.replace(invisible, '').replace(/[\s_-]+/g, '');
}
