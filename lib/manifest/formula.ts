/*
 * A cell that begins with one of these is run by a spreadsheet that opens the file (CWE-1236; OWASP "CSV Injection"
 * names = + - @, tab, carriage return and line feed, and their full-width forms). The usual guard is an apostrophe
 * before it, which spreadsheets take for "this is text". Reading takes one such apostrophe away again, so that a report
 * can be mended and sent back; a value that itself begins so is written with one apostrophe more. A negative number is no
 * formula, and stays the number that the spreadsheet can count with.
 */
const guarded = /^'*[=+\-@\t\r\n＝＋－＠]/;
const guard = /^'+[=+\-@\t\r\n＝＋－＠]/;
const negativeNumber = /^-\d{1,15}(?:\.\d{1,15})?$/;

/** The cell as it may stand in a CSV file that people open in a spreadsheet. */
export function withGuard(cell: string): string {
  return guarded.test(cell) && !negativeNumber.test(cell) ? `'${cell}` : cell;
}

/** What `withGuard` was given. */
export function withoutGuard(cell: string): string {
  return guard.test(cell) ? cell.slice(1) : cell;
}
