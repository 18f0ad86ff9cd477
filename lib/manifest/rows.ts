import { deviceId as deviceIdRule, idRule } from '../devices/ids.ts';
import { isEmptyTwin, mergeTwins, twinIssues } from '../devices/twin.ts';
import { excerpt } from '../errors.ts';
import type { GroupDefinition } from '../groups/definition.ts';
import { isObject } from '../json.ts';
import { type Column, cellValue, columnsOf, missingCell, place, wrongType } from './columns.ts';
import { csvRecords, withoutGuard } from './csv.ts';
import { type DeviceFields, noDeviceId, parseDeviceObject } from './device-fields.ts';
import { type CellError, type DeviceRequest, type ManifestShape, type RowError, rowError } from './manifest.ts';
import { type RecordText, recordsIn } from './record-scanner.ts';

export interface RowReaderOptions {
  readonly shape: ManifestShape;
  /** Enrollment group of rows that do not name one. */
  readonly defaultGroup?: string;
  /** Looks a declared group up. */
  readonly group: (id: string) => Pick<GroupDefinition, 'keyCustody' | 'initialTwin'> | undefined;
}

/** Each row of a chunk is in exactly one of the two, in the order of the file. */
export interface ChunkRows {
  readonly requests: DeviceRequest[];
  readonly faults: RowError[];
}

/** Most messages that one row's error joins. */
const maxMessages = 10;

/**
 * Creates the reader of a manifest's chunks. It takes the bytes of one chunk and the line of the file on which the chunk
 * begins (from 1), and checks each row.
 *
 * If several valid rows of a chunk name one device, the first wins. Invalid rows never claim a device.
 * @example
 * const read = createRowReader({ shape, defaultGroup: 'line7', group: (id) => groups.get(id) });
 * const { requests, faults } = read(bytes, firstLine);
 */
export function createRowReader({
  shape,
  defaultGroup,
  group,
}: RowReaderOptions): (bytes: Uint8Array, firstLine: number) => ChunkRows {
  return (bytes, firstLine) => {
    const requests: DeviceRequest[] = [];
    const faults: RowError[] = [];
    const lineOf = new Map<string, number>();
    for (const row of readRows(bytes, shape, firstLine)) {
      const request = requestOf(row);
      const errors = request === undefined ? row.errors : [...row.errors, ...check(request, lineOf)];
      if (request === undefined || errors.length > 0) {
        faults.push(joined(row, errors));
        continue;
      }
      lineOf.set(request.deviceId, row.line);
      requests.push(request);
    }
    return { requests, faults };
  };

  function requestOf({ line, source, fields }: ManifestRow): DeviceRequest | undefined {
    if (fields === undefined) return undefined;
    const { deviceId, enrollmentGroup = defaultGroup ?? '', csr, tags, desired } = fields;
    return { line, source, deviceId, enrollmentGroup, ...(csr === undefined ? {} : { csr }), tags, desired };
  }

  function check(request: DeviceRequest, lineOf: ReadonlyMap<string, number>): CellError[] {
    const errors = [...idErrors(request.deviceId), ...groupErrors(request), ...twinErrors(request)];
    const first = lineOf.get(request.deviceId);
    // A row that is invalid anyway need not be called a duplicate.
    return errors.length > 0 || first === undefined ? errors : [duplicate(request.deviceId, first)];
  }

  function groupErrors({ enrollmentGroup, csr }: DeviceRequest): CellError[] {
    const column = 'enrollmentGroup';
    if (enrollmentGroup === '') {
      const message =
        'The row has no enrollment group. Fill enrollmentGroup, or send the manifest with a group for all rows.';
      return [{ column, code: 'group-missing', message, expected: 'the id of an enrollment group' }];
    }
    const definition = group(enrollmentGroup);
    if (definition === undefined) {
      const value = excerpt(enrollmentGroup);
      const message = `There is no enrollment group ${JSON.stringify(value)}. Correct the id, or declare the group.`;
      return [{ column, code: 'group-unknown', message, expected: 'the id of a declared enrollment group', value }];
    }
    const { keyCustody } = definition;
    const needsCsr = keyCustody === 'device';
    if (needsCsr === (csr !== undefined)) return [];
    const custody = `Group "${enrollmentGroup}" has keyCustody "${keyCustody}"`;
    if (needsCsr) {
      const message = `${custody}, but the row has no CSR. Give a PKCS#10 request, PEM or base64 DER.`;
      return [{ column: 'csr', code: 'csr-missing', message, expected: 'a PKCS#10 request, PEM or base64 DER' }];
    }
    const message = `${custody}, but the row has a CSR. Leave csr empty.`;
    return [{ column: 'csr', code: 'csr-unexpected', message, expected: 'an empty cell' }];
  }

  /** Checks the twin that the device will have: the group's twin, overlaid with the row's. */
  function twinErrors({ tags, desired, enrollmentGroup }: DeviceRequest): CellError[] {
    const own = { tags, desired };
    if (isEmptyTwin(own)) return [];
    // The row's own twin first: a twin that is too deep must not be merged.
    const ownIssues = twinIssues(own);
    const base = group(enrollmentGroup)?.initialTwin;
    const issues = ownIssues.length > 0 || base === undefined ? ownIssues : twinIssues(mergeTwins(base, own));
    return issues.map(({ path, message }) => {
      const column = columnNamed(path);
      return { column, code: 'twin-invalid', message: `${column}: ${message}.`, value: valueAt(own, path) };
    });
  }

  /** The header cell of a twin path, or the path itself when there is none. */
  function columnNamed(path: string): string {
    const cell = shape.columns?.find(
      (name) => path === name.split(':')[0] || path.startsWith(`${name.split(':')[0]}.`),
    );
    return excerpt(cell ?? path);
  }
}

function idErrors(id: string): CellError[] {
  if (deviceIdRule.test(id)) return [];
  if (id === '') return [noDeviceId];
  const value = excerpt(id);
  const why =
    id.length > 64 ? `is ${id.length} characters long` : id !== id.toLowerCase() ? 'has upper case' : 'is not valid';
  const message = `Device id ${JSON.stringify(value)} ${why}. Use ${idRule}.`;
  return [{ column: 'deviceId', code: 'device-id-invalid', message, expected: idRule, value }];
}

function duplicate(id: string, first: number): CellError {
  const message = `Device ${id} is on line ${first} already. Remove one of the two rows.`;
  return { column: 'deviceId', code: 'device-id-duplicate', message, expected: 'each device once', value: id };
}

function valueAt(twin: Record<string, unknown>, path: string): string | undefined {
  let value: unknown = twin;
  for (const step of path.split('.')) value = isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  if (typeof value === 'string') return excerpt(value);
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

/** The first error of a row, with the messages of the others, so that the sender can fix all of them at once. */
function joined(row: ManifestRow, errors: readonly CellError[]): RowError {
  const [first = unreadable] = errors;
  const messages = errors.slice(0, maxMessages).map(({ message }) => message);
  return rowError(row, { ...first, message: messages.join(' ') || first.message });
}

const unreadable: CellError = { code: 'row-syntax', message: 'The row cannot be read.' };

/** One row as it is written. */
interface ManifestRow extends RecordText {
  /** Undefined when the row cannot be read. */
  readonly fields?: DeviceFields;
  /** Errors found while reading it. */
  readonly errors: readonly CellError[];
}

/** The rows of a chunk, in the order of the file, as many as the splitter counted. */
function readRows(bytes: Uint8Array, shape: ManifestShape, firstLine: number): ManifestRow[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (shape.format === 'ndjson') {
    return recordsIn(buffer, firstLine).map(({ line, source }) => ({ line, source, ...jsonRow(source) }));
  }
  const { delimiter = ',', columns: names = [] } = shape;
  const columns = columnsOf(names);
  const isReport = columns.some(({ kind }) => kind === 'report');
  return csvRecords(buffer, delimiter, firstLine).map(({ line, source, cells }) => {
    return { line, source, ...csvRow(cells, { names, columns, isReport }) };
  });
}

type Reading = Pick<ManifestRow, 'fields' | 'errors'>;

function jsonRow(text: string): Reading {
  return { errors: [], ...parseDeviceObject(text) };
}

interface Table {
  readonly names: readonly string[];
  readonly columns: readonly Column[];
  /** True for an error report that was sent back as a manifest. */
  readonly isReport: boolean;
}

function csvRow(cells: readonly string[] | undefined, { names, columns, isReport }: Table): Reading {
  if (cells === undefined) return { errors: [wrongQuotes] };
  if (cells.length !== columns.length) return { errors: [wrongCount(cells.length, columns.length)] };
  if (isReport && cells.includes(missingCell)) return { errors: [stillMissing(names[cells.indexOf(missingCell)])] };

  const named: Partial<Record<'deviceId' | 'enrollmentGroup' | 'csr', string>> = {};
  const twin = { tags: {}, desired: {} };
  const errors: CellError[] = [];
  for (const [index, column] of columns.entries()) {
    const cell = withoutGuard(cells[index] ?? '');
    // An empty cell is an absent value.
    if (cell === '' || column.kind === 'report') continue;
    if (column.kind === 'row') return jsonRow(cell);
    if (column.kind !== 'twin') {
      named[column.kind] = cell;
      continue;
    }
    const read = cellValue(cell, column.type);
    if (read === undefined) errors.push(wrongType(names[index] ?? '', column.type, cell));
    else place(twin[column.section], column.path, read.value);
  }
  return { fields: { deviceId: '', ...named, ...twin }, errors };
}

const wrongQuotes: CellError = {
  code: 'row-syntax',
  message: 'A quote is in the wrong place. Put quotes around the whole field, and write each quote inside it twice.',
  expected: 'quotes around the whole field, and each quote inside it twice',
};

function wrongCount(found: number, expected: number): CellError {
  const count = found === 1 ? '1 field' : `${found} fields`;
  const advice = found < expected ? 'Add the missing fields.' : 'Quote a field that contains the delimiter.';
  const message = `The row has ${count} where the header has ${expected}. ${advice}`;
  return { code: 'row-columns', message, expected: `${expected} fields`, value: count };
}

function stillMissing(column: string | undefined): CellError {
  const message = `The row has cells that are still marked ${missingCell}. Fill or empty them.`;
  return { column, code: 'row-columns', message, expected: 'a value or an empty cell', value: missingCell };
}
