import { parse } from 'csv-parse/sync';
import { deviceId } from '../devices/ids.ts';
import { type TwinSection, twinSectionIssues } from '../devices/twin.ts';
import { excerpt, FleetError, type Issue } from '../errors.ts';
import { suggestion } from '../suggest.ts';
import { isBlank, looseName, trimBlanks } from './blanks.ts';
import { numberHint } from './cells.ts';
import { jsonProblem, repeatedMember } from './json-text.ts';
import type { CellError, Delimiter, ManifestShape, RenamedColumn } from './manifest.ts';

/** The meaning of one column of a CSV manifest. */
export type Column =
  | { readonly kind: 'deviceId' | 'enrollmentGroup' | 'csr' }
  /** The whole row as a JSON object, as error reports of NDJSON manifests have it. */
  | { readonly kind: 'row' }
  /** A column that an error report adds. Ignored. */
  | { readonly kind: 'report' }
  /** A column without a name. Its cells must be empty. */
  | { readonly kind: 'nameless' }
  | {
      readonly kind: 'twin';
      readonly section: TwinSection;
      /** Keys below the section, outermost first. */
      readonly path: readonly string[];
      readonly type: ValueType;
    };

export type ValueType = 'string' | 'number' | 'boolean' | 'json';

/** Columns that an error report adds to those of its manifest. Ignored when the report is sent as a manifest. */
export const reportColumns = ['line', 'code', 'message'] as const;

/** Cell of an error report for a cell that the row did not have. A row with such a cell is refused. */
export const missingCell = '<missing>';

export const delimiters: readonly Delimiter[] = [',', ';', '\t', '|'];
const fields: ReadonlyMap<string, Column> = new Map<string, Column>([
  ['deviceId', { kind: 'deviceId' }],
  ['enrollmentGroup', { kind: 'enrollmentGroup' }],
  ['csr', { kind: 'csr' }],
  ['row', { kind: 'row' }],
  ...reportColumns.map((name) => [name, { kind: 'report' }] as const),
]);
const valueTypes: readonly ValueType[] = ['number', 'boolean', 'json'];
const knownColumns = 'deviceId, enrollmentGroup, csr, tags.<path> or desired.<path>';
const knownTypes = ':number, :boolean or :json';

/** What the header of a CSV manifest says. */
export type Header = Required<Pick<ManifestShape, 'delimiter' | 'columns'>> & Pick<ManifestShape, 'renamed'>;

/**
 * Reads the header of a CSV manifest. Its delimiter is the one that gives the most known columns. The names of fields may be
 * in any case and have blanks, `_` or `-` in them.
 * @param text the header without its line end
 * @param line line of the file on which it is, from 1
 * @param only the delimiter, where the file names it
 * @throws FleetError `manifest-header` with every issue
 * @example
 * parseHeader('Device ID;tags.site', 1);
 * // { delimiter: ';', columns: ['deviceId', 'tags.site'], renamed: [{ written: 'Device ID', read: 'deviceId' }] }
 */
export function parseHeader(text: string, line: number, only?: Delimiter): Header {
  const { delimiter, names } = bestReading(text, only === undefined ? delimiters : [only]);
  const columns = names.map(readName);
  const issues = headerIssues(text, names, columns);
  if (issues.length > 0) {
    const expected = `${knownColumns} with ${knownTypes}`;
    throw FleetError.of('manifest-header', `The header on line ${line}`, issues, { line, expected });
  }
  const renamed = names
    .map((written, index): RenamedColumn => ({ written, read: columns[index] ?? written }))
    .filter(({ written, read }) => written !== read && read !== '');
  return { delimiter, columns, ...(renamed.length > 0 && { renamed }) };
}

/** The reading with the most known columns, then with the most columns. */
function bestReading(text: string, candidates: readonly Delimiter[]): { delimiter: Delimiter; names: string[] } {
  const readings = candidates.map((delimiter) => {
    const names = cells(text, delimiter) ?? [];
    return { delimiter, names, known: names.filter((name) => isKnown(readName(name))).length };
  });
  const [best] = readings.sort((a, b) => b.known - a.known || b.names.length - a.names.length);
  return best ?? { delimiter: ',', names: [] };
}

/** The name of a column as the reader knows it; the name as written when it is not one. */
function readName(written: string): string {
  const name = trimBlanks(written);
  if (isKnown(name)) return name;
  const loose = looseName(name);
  const field = [...fields.keys()].find((known) => known.toLowerCase() === loose);
  // The path of a twin is case-sensitive; its section is not.
  return field ?? name.replace(/^(?:tags|desired)\./i, (section) => section.toLowerCase());
}

/**
 * The meaning of each column of a header that `parseHeader` accepted.
 * @throws FleetError `manifest-header` when a column is unknown
 * @example
 * columnsOf(['deviceId', 'tags.place.hall:number']);
 * // [{ kind: 'deviceId' }, { kind: 'twin', section: 'tags', path: ['place', 'hall'], type: 'number' }]
 */
export function columnsOf(names: readonly string[]): Column[] {
  return names.map((name) => {
    const column = parseColumn(name);
    if (typeof column === 'string') throw new FleetError('manifest-header', `${excerpt(name)}: ${column}`);
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
  return name !== '' && typeof parseColumn(name) !== 'string';
}

const unknownColumn = 'unknown column';

/** @returns the column, or why the name is not one */
function parseColumn(name: string): Column | string {
  const field = fields.get(name);
  if (field !== undefined) return field;
  if (isBlank(name)) return { kind: 'nameless' };
  const match = /^(tags|desired)\.([^:]+)(?::(.*))?$/s.exec(name);
  if (match === null) return unknownColumn;
  const [, prefix, path = '', suffix] = match;
  const section = prefix === 'tags' ? 'tags' : 'desired';
  const type = suffix === undefined ? 'string' : valueTypes.find((known) => known === suffix);
  if (type === undefined) return `unknown type (expected ${knownTypes})`;
  const steps = path.split('.');
  const problem = pathProblem(section, steps);
  if (problem !== undefined) return `not a path in a twin: ${problem}`;
  return { kind: 'twin', section, path: steps, type };
}

function pathProblem(section: TwinSection, path: readonly string[]): string | undefined {
  const document = path.reduceRight<unknown>((inner, step) => ({ [step]: inner }), '');
  return twinSectionIssues(section, document)[0]?.message;
}

/** Names under which other systems export the id of a device. */
const otherIdNames = new Set([
  'id',
  'device',
  'devicename',
  'name',
  'registrationid',
  'serial',
  'serialnumber',
  'hostname',
]);
const otherSection =
  /^(tags?|propert(?:y|ies)[:./_ -]+desired|property|properties|prop|desired(?:properties)?)[:./_ -]+(.+)$/i;

/** What to write in place of a name that is not a column. */
function advice(name: string): string {
  if (/^device[\s_-]*id[\s:/]+[a-z]/i.test(name)) return 'separate the columns by comma, semicolon, tab or |';
  const loose = looseName(name.replace(/\s*\([^)]*\)$|\*$/, '').replace(/^["'“”‘’#]|["'“”‘’]$/g, ''));
  if (otherIdNames.has(loose)) return 'if it identifies the device, write deviceId';
  const near = suggestion(loose, fields.keys());
  if (near !== undefined) return `did you mean ${near}?`;
  const [, section = '', path = ''] = otherSection.exec(name) ?? [];
  if (path !== '') return `did you mean ${/^tag/i.test(section) ? 'tags' : 'desired'}.${path.trim()}?`;
  const isPlain = /^\p{L}[\p{L}_-]{0,39}$/u.test(name);
  return isPlain ? `for a tag write tags.${name}; expected ${knownColumns}` : `expected ${knownColumns}`;
}

function headerIssues(text: string, names: readonly string[], columns: readonly string[]): Issue[] {
  if (names.length === 0) return [wrongQuotes(text)];
  if (names.length === 1 && text.trimStart().startsWith('"') && /[,;\t|]/.test(names[0] ?? ''))
    return [wholeLineQuoted];
  return [...columnIssues(names, columns), ...nestingIssues(columns), ...requiredIssues(columns)];
}

function wrongQuotes(text: string): Issue {
  const message = `quotes do not match in ${JSON.stringify(excerpt(text))} (quote whole names only)`;
  return { path: 'header', message };
}

const wholeLineQuoted: Issue = {
  path: 'header',
  message: 'the whole line is in quotes (remove the quotes around each line, or quote each name by itself)',
};

/** Names that are not columns, and columns that hold the same value. */
function columnIssues(names: readonly string[], columns: readonly string[]): Issue[] {
  const issues: Issue[] = [];
  const seen = new Set<string>();
  const isReport = reportColumns.every((name) => columns.includes(name));
  for (const [index, name] of columns.entries()) {
    const path = excerpt(names[index] ?? name) || `column ${index + 1}`;
    const column = parseColumn(name);
    if (typeof column === 'string') {
      issues.push({ path, message: column === unknownColumn ? `${column} (${advice(name)})` : column });
      continue;
    }
    if (column.kind === 'nameless') continue;
    if (column.kind === 'report' && !isReport) {
      const message = `is a column of an error report only together with ${reportColumns.join(', ')} (for a tag write tags.${name})`;
      issues.push({ path, message });
      continue;
    }
    const meaning = column.kind === 'twin' ? [column.section, ...column.path].join('.') : name;
    if (seen.has(meaning)) issues.push({ path, message: 'appears twice (remove one of the two columns)' });
    seen.add(meaning);
  }
  return issues;
}

/** Columns that lie within another: `tags.a.b` within `tags.a`. */
function nestingIssues(names: readonly string[]): Issue[] {
  const nameOf = new Map<string, string>();
  for (const name of names) {
    const column = parseColumn(name);
    if (typeof column !== 'string' && column.kind === 'twin') {
      nameOf.set([column.section, ...column.path].join('.'), name);
    }
  }
  const issues: Issue[] = [];
  for (const [path, name] of nameOf) {
    const steps = path.split('.');
    for (let depth = steps.length - 1; depth > 1; depth -= 1) {
      const outer = nameOf.get(steps.slice(0, depth).join('.'));
      if (outer === undefined) continue;
      issues.push({ path: excerpt(name), message: `lies within column "${excerpt(outer)}" (remove one of the two)` });
    }
  }
  return issues;
}

function requiredIssues(names: readonly string[]): Issue[] {
  if (names.includes('row')) {
    const others = names.filter(
      (name) => name !== 'row' && name !== '' && !reportColumns.some((report) => report === name),
    );
    if (others.length === 0) return [];
    return [
      {
        path: 'row',
        message: `holds whole rows, so it must be the only column (remove ${excerpt(others.join(', '))})`,
      },
    ];
  }
  if (names.includes('deviceId')) return [];
  const isData = names.some((name) => deviceId.test(name)) && !names.some(isKnown);
  const message = isData
    ? 'missing, and the line looks like a device (add a header line above it)'
    : 'missing (add the column)';
  return [{ path: 'deviceId', message }];
}

/** A JSON number (RFC 8259, section 6): no leading zero, no plus sign, a decimal point and not a comma. */
const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

const expectedValues: Record<ValueType, string> = {
  string: 'text',
  number: 'a number as in JSON, such as 12, -3.5 or 1e3',
  boolean: 'true or false',
  json: 'JSON, such as "text", [1, 2] or {"a": 1}',
};

/**
 * The value of a cell.
 * @returns undefined when the cell does not fit the type of its column
 * @example
 * cellValue('1e3', 'number'); // { value: 1000 }
 * cellValue('1,5', 'number'); // undefined
 */
export function cellValue(cell: string, type: ValueType): { readonly value: unknown } | undefined {
  if (type === 'string') return { value: cell };
  if (type === 'number') return jsonNumber.test(cell) ? { value: Number(cell) } : undefined;
  if (type === 'boolean') {
    // Spreadsheets write TRUE and FALSE.
    const word = cell.toLowerCase();
    return word === 'true' || word === 'false' ? { value: word === 'true' } : undefined;
  }
  try {
    const value: unknown = JSON.parse(cell);
    return repeatedMember(cell) === undefined ? { value } : undefined;
  } catch {
    return undefined;
  }
}

/** The error of a cell for which `cellValue` is undefined. */
export function wrongType(column: string, type: ValueType, cell: string): CellError {
  const expected = expectedValues[type];
  const value = excerpt(cell);
  const hint = type === 'number' ? numberHint(cell) : type === 'json' ? jsonHint(cell) : booleanHint(cell);
  const message = `${excerpt(column)} is ${JSON.stringify(value)}. Expected ${expected}.${hint}`;
  return { code: 'value-type', message, column, expected, value };
}

/** TRUE and FALSE as spreadsheets write them in other languages. */
function booleanHint(cell: string): string {
  if (/^(?:wahr|vrai|verdadero|verdadeiro|vero|waar|prawda|sant|sand)$/i.test(cell)) return ' Write true.';
  if (/^(?:falsch|faux|falso|onwaar|fałsz|falskt|falsk)$/i.test(cell)) return ' Write false.';
  return '';
}

function jsonHint(cell: string): string {
  try {
    JSON.parse(cell);
  } catch (error) {
    return ` ${jsonProblem(cell, error)}`.trimEnd();
  }
  return ` Member ${JSON.stringify(excerpt(repeatedMember(cell) ?? ''))} stands twice. Remove one of the two.`;
}

/**
 * Sets the member at that path and creates the objects on the way. The header guarantees that no path lies within
 * another one.
 */
export function place(section: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let node = section;
  const last = path.length - 1;
  for (let depth = 0; depth < last; depth += 1) {
    const step = path[depth] ?? '';
    const member = Object.hasOwn(node, step) ? node[step] : undefined;
    const inner = (member ?? {}) as Record<string, unknown>;
    node[step] = inner;
    node = inner;
  }
  node[path[last] ?? ''] = value;
}
