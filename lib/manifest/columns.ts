import { parse } from 'csv-parse/sync';
import { deviceId } from '../devices/ids.ts';
import { type TwinSection, twinSectionIssues } from '../devices/twin.ts';
import { excerpt, FleetError, type Issue, maxIssues } from '../errors.ts';
import type { CellError, Delimiter, ManifestShape } from './manifest.ts';

/** What the cells of one column are. */
export type Column =
  | { readonly kind: 'deviceId' | 'enrollmentGroup' | 'csr' }
  /** The row as a JSON object, as error reports of NDJSON manifests hold it. */
  | { readonly kind: 'row' }
  /** A column of an error report: of no meaning in a manifest. */
  | { readonly kind: 'report' }
  | {
      readonly kind: 'twin';
      readonly section: TwinSection;
      readonly path: readonly string[];
      readonly type: ValueType;
    };

export type ValueType = 'string' | 'number' | 'boolean' | 'json';

/** Columns that an error report adds to a manifest's own; sent again with it, they are ignored. */
export const reportColumns = ['line', 'code', 'message'] as const;

/** What an error report puts where a row had no cell: visible, and refused until it is filled or emptied. */
export const missingCell = '<missing>';

const delimiters: readonly Delimiter[] = [',', ';', '\t'];
const fields: ReadonlyMap<string, Column> = new Map<string, Column>([
  ['deviceId', { kind: 'deviceId' }],
  ['enrollmentGroup', { kind: 'enrollmentGroup' }],
  ['csr', { kind: 'csr' }],
  ['row', { kind: 'row' }],
  ...reportColumns.map((name) => [name, { kind: 'report' }] as const),
]);
const valueTypes: readonly ValueType[] = ['number', 'boolean', 'json'];
const expected = 'deviceId, enrollmentGroup, csr, tags.<path> or desired.<path> with :number, :boolean or :json';

/**
 * Reads a manifest's header, and finds its delimiter: the one that makes the most columns of it that we know.
 * @throws FleetError `manifest-header` with every fault
 */
export function parseHeader(text: string, line: number): Required<Pick<ManifestShape, 'delimiter' | 'columns'>> {
  const readings = delimiters.map((delimiter) => ({ delimiter, columns: cells(text, delimiter) }));
  const [best] = readings
    .map(({ delimiter, columns = [] }) => ({ delimiter, columns, known: columns.filter(isKnown).length }))
    .sort((a, b) => b.known - a.known || b.columns.length - a.columns.length);
  const { delimiter, columns } = best ?? { delimiter: ',', columns: [] };
  const faults = columns.length === 0 ? [unreadable(text)] : text.includes('\r') ? [loneReturn] : headerFaults(columns);
  if (faults.length === 0) return { delimiter, columns };
  const shown = faults.slice(0, maxIssues);
  const more = faults.length > shown.length ? ` And ${faults.length - shown.length} faults more.` : '';
  const list = shown.map(({ message }) => message).join(' ');
  const message = `The header on line ${line} is wrong: ${list}${more}`;
  throw new FleetError('manifest-header', message, { line, expected, faults: shown });
}

/** The meaning of each column of a header that `parseHeader` accepted. */
export function columnsOf(names: readonly string[]): Column[] {
  return names.map((name) => {
    const column = parseColumn(name);
    if (typeof column === 'string') throw new FleetError('manifest-header', column);
    return column;
  });
}

function cells(text: string, delimiter: Delimiter): string[] | undefined {
  try {
    const rows: string[][] = parse(text, { delimiter, record_delimiter: '\n' });
    return rows[0];
  } catch {
    return undefined;
  }
}

function isKnown(name: string): boolean {
  return typeof parseColumn(name) !== 'string';
}

function unreadable(text: string): Issue {
  return { path: 'header', message: `Its quotes do not match: ${JSON.stringify(excerpt(text))}.` };
}

const loneReturn: Issue = {
  path: 'header',
  message: 'A carriage return stands in it: lines end with LF or CRLF, not with CR alone.',
};

/** The column, or in one sentence why it is none. */
function parseColumn(name: string): Column | string {
  const field = fields.get(name);
  if (field !== undefined) return field;
  const shown = JSON.stringify(excerpt(name));
  if (name === '') return 'A column has no name.';
  const match = /^(tags|desired)\.([^:]+)(?::(.*))?$/s.exec(name);
  if (match === null) return `Column ${shown} is unknown${suggestion(name)}.`;
  const [, section, path = '', type] = match;
  const valueType = type === undefined ? 'string' : valueTypes.find((known) => known === type);
  if (valueType === undefined) return `Column ${shown} has an unknown type; it takes :number, :boolean or :json.`;
  const steps = path.split('.');
  const problem = pathProblem(section === 'tags' ? 'tags' : 'desired', steps);
  if (problem !== undefined) return `Column ${shown} is no path in a twin: ${problem}.`;
  return { kind: 'twin', section: section === 'tags' ? 'tags' : 'desired', path: steps, type: valueType };
}

function pathProblem(section: TwinSection, path: readonly string[]): string | undefined {
  const document = path.reduceRight<unknown>((inner, step) => ({ [step]: inner }), '');
  return twinSectionIssues(section, document)[0]?.message;
}

function suggestion(name: string): string {
  const near = [...fields.keys()].find((field) => field.toLowerCase() === name.trim().toLowerCase());
  if (near !== undefined) return `; write ${near}`;
  return name === name.trim() ? '' : '; there is white space around it';
}

function headerFaults(names: readonly string[]): Issue[] {
  const faults: Issue[] = [];
  const fault = (path: string, message: string) => faults.push({ path: excerpt(path), message });
  const seen = new Set<string>();
  const paths = new Map<string, string>();
  for (const name of names) {
    const column = parseColumn(name);
    if (typeof column === 'string') {
      fault(name, column);
      continue;
    }
    const meaning = column.kind === 'twin' ? [column.section, ...column.path].join('.') : name;
    if (seen.has(meaning)) fault(name, `Column ${JSON.stringify(excerpt(name))} stands twice.`);
    seen.add(meaning);
    if (column.kind === 'twin') paths.set(meaning, name);
  }
  for (const [path, name] of paths) {
    const above = path.split('.').slice(0, -1);
    for (let depth = above.length; depth > 1; depth -= 1) {
      const parent = paths.get(above.slice(0, depth).join('.'));
      if (parent !== undefined)
        fault(name, `Columns "${excerpt(parent)}" and "${excerpt(name)}" cannot both have a value.`);
    }
  }
  return [...faults, ...requiredFaults(names)];
}

function requiredFaults(names: readonly string[]): Issue[] {
  if (names.includes('row')) {
    const others = names.filter((name) => name !== 'row' && !reportColumns.some((report) => report === name));
    return others.length === 0
      ? []
      : [
          {
            path: 'row',
            message: `Column "row" holds whole rows and stands alone, not beside ${excerpt(others.join(', '))}.`,
          },
        ];
  }
  if (names.includes('deviceId')) return [];
  const data = names.some((name) => deviceId.test(name));
  const why =
    data && !names.some(isKnown)
      ? 'Column "deviceId" is missing, and so it seems is the header itself.'
      : 'Column "deviceId" is missing.';
  return [{ path: 'deviceId', message: why }];
}

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

export function wrongType(column: string, type: ValueType, cell: string): CellError {
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
