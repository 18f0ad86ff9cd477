/*
 * Characters that are not to be seen at the edge of a value: white space of JavaScript (with the no-break space U+00A0 and
 * the byte order mark U+FEFF), zero-width characters, the end-of-file mark Ctrl-Z (U+001A) and the record separator U+001E of
 * RFC 7464.
 */
const blankClass = '\\s\\u200b-\\u200d\\u2060\\u001a\\u001e';
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

/** The text as lower-case letters and digits, to compare names that people write in many ways. */
export function looseName(text: string): string {
  return text.toLowerCase().replace(/[\s_\u200b-\u200d\u2060-]+/g, '');
}
