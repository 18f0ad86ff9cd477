import { excerpt } from '../errors.ts';
import type { ValueType } from './columns.ts';
import type { Finding } from './manifest.ts';

/** RFC 8259, section 6: no leading zero, no plus sign, a point and no comma. */
const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

const expectations: Record<ValueType, string> = {
  string: 'text',
  number: 'a number as in JSON, such as 12, -3.5 or 1e3',
  boolean: 'true or false',
  json: 'JSON, such as "text", [1, 2] or {"a": 1}',
};

/** The value that a cell stands for, or undefined when it does not fit the type that its column names. */
export function cellValue(cell: string, type: ValueType): { readonly value: unknown } | undefined {
  if (type === 'string') return { value: cell };
  if (type === 'number') return jsonNumber.test(cell) ? { value: Number(cell) } : undefined;
  if (type === 'boolean') {
    // Spreadsheets write TRUE and FALSE.
    const word = cell.toLowerCase();
    return word === 'true' || word === 'false' ? { value: word === 'true' } : undefined;
  }
  try {
    return { value: JSON.parse(cell) };
  } catch {
    return undefined;
  }
}

export function wrongType(column: string, type: ValueType, cell: string): Finding {
  const expected = expectations[type];
  return { column, code: 'value-type', message: `${column} is not ${expected}.`, expected, value: excerpt(cell) };
}

/** Sets the member of that path, making objects on the way. The header sees to it that no path crosses another's value. */
export function place(section: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let node = section;
  for (const step of path.slice(0, -1)) {
    const member = Object.hasOwn(node, step) ? node[step] : undefined;
    const inner = (member ?? {}) as Record<string, unknown>;
    node[step] = inner;
    node = inner;
  }
  node[path.at(-1) ?? ''] = value;
}
