/** A string of JSON, with the colon that makes it the name of a member; or the begin or end of an object or array. */
const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}[\]]/gs;

/**
 * Finds a member that an object has twice. JSON.parse keeps the last one and drops the other without notice.
 * @param text JSON that JSON.parse accepts
 * @returns the name of the member, or undefined
 */
export function repeatedMember(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  for (const [token, colon] of text.matchAll(tokens)) {
    if (token === '{') {
      open.push(new Set());
    } else if (token === '[') {
      open.push(undefined);
    } else if (token === '}' || token === ']') {
      open.pop();
    } else if (colon !== undefined) {
      const written = token.slice(0, token.length - colon.length);
      const name: string = written.includes('\\') ? JSON.parse(written) : written.slice(1, -1);
      const members = open.at(-1);
      if (members?.has(name)) return name;
      members?.add(name);
    }
  }
  return undefined;
}

/**
 * Why a text is not JSON, as one or two sentences.
 * @param text what JSON.parse refused
 * @param error what it threw
 */
export function jsonProblem(text: string, error: unknown): string {
  const message = error instanceof Error ? error.message : '';
  const position = Number(/position (\d+)/.exec(message)?.[1] ?? Number.NaN);
  const body = text.trimEnd();
  if (/[“”„]/.test(text)) return 'It has curly quotes. Write straight quotes (").';
  if (/^\s*[{[]\s*'|[:,]\s*'/.test(text)) return 'It has single quotes. Write double quotes (").';
  const word = /[:[,]\s*(True|False|None|NaN|-?Infinity|undefined)\b/.exec(text)?.[1];
  if (word !== undefined)
    return `${word} is not a value of JSON. Write ${jsonWords[word] ?? 'a number or leave the member out'}.`;
  if (body.endsWith('},')) return 'A comma follows the object. Remove it.';
  if (/,\s*[}\]]/.test(text)) return 'A comma stands before a closing bracket. Remove it.';
  if (message.includes('after JSON'))
    return `The value ends at character ${position}, and more text follows. Write one value only.`;
  if (/end of JSON|Unterminated/.test(message) || position >= body.length) {
    return 'It ends before its last bracket or quote. Write the whole object on one line.';
  }
  return Number.isNaN(position) ? '' : `It breaks at character ${position + 1}.`;
}

const jsonWords: Readonly<Record<string, string>> = { True: 'true', False: 'false', None: 'null' };

/**
 * Where a text stops being JSON. JSON.parse does not always say: it leaves the place out for an unexpected token.
 * @param text what JSON.parse refused
 * @returns line and column of the first character that is wrong, from 1; the end of the text if something is missing there
 */
export function jsonPlace(text: string): { readonly line: number; readonly column: number } {
  // A beginning of JSON fails at its end only. So the longest such beginning ends before the wrong character.
  let good = 0;
  let bad = text.length + 1;
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (beginsJson(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  const before = text.slice(0, good).split(/\r\n|\r|\n/);
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

/** True for JSON, and for a text that more text could complete. */
function beginsJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const message = error instanceof Error ? error.message : '';
    if (/end of JSON input|Unterminated string/.test(message)) return true;
    return Number(/position (\d+)/.exec(message)?.[1]) >= text.length;
  }
}
