import { deviceId as deviceIdRule, idRule } from '../devices/ids.ts';
import { isEmptyTwin, mergeTwins, twinIssues } from '../devices/twin.ts';
import { excerpt } from '../errors.ts';
import type { GroupDefinition } from '../groups/definition.ts';
import { isObject } from '../json.ts';
import { type Column, cellValue, columnsOf, missingCell, place, wrongType } from './columns.ts';
import { csvRecords, withoutGuard, withoutLineEnd } from './csv.ts';
import { type DeviceFields, noDeviceId, parseDeviceObject } from './device-fields.ts';
import { type CellError, type DeviceRequest, type ManifestShape, maxRecordBytes, type RowError } from './manifest.ts';
import { createRecordScanner } from './record-scanner.ts';

export interface RowReaderOptions {
  readonly shape: ManifestShape;
  /** Group of rows that name none. */
  readonly defaultGroup?: string;
  readonly group: (id: string) => Pick<GroupDefinition, 'keyCustody' | 'initialTwin'> | undefined;
}

/** Each row of a chunk is one request or one fault. */
export interface ChunkRows {
  readonly requests: DeviceRequest[];
  readonly faults: RowError[];
}

/**
 * Reads and checks the rows of a chunk. Of several valid rows for one device the first is the request; a row that breaks
 * a rule holds no device, here as in every chunk.
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
      const findings = request === undefined ? row.findings : [...row.findings, ...check(request, lineOf)];
      if (request === undefined || findings.length > 0) {
        faults.push(faultOf(row, findings));
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
    const findings = [...idFindings(request.deviceId), ...groupFindings(request), ...twinFindings(request)];
    const first = lineOf.get(request.deviceId);
    // Only what is valid in itself can stand in another row's place.
    return findings.length > 0 || first === undefined ? findings : [duplicate(request.deviceId, first)];
  }

  function groupFindings({ enrollmentGroup, csr }: DeviceRequest): CellError[] {
    const column = 'enrollmentGroup';
    if (enrollmentGroup === '') {
      const message = 'The row names no enrollment group, and the manifest lies in no folder that does.';
      return [{ column, code: 'group-missing', message, expected: 'the id of an enrollment group' }];
    }
    const definition = group(enrollmentGroup);
    if (definition === undefined) {
      const value = excerpt(enrollmentGroup);
      const message = `There is no enrollment group ${JSON.stringify(value)}.`;
      return [{ column, code: 'group-unknown', message, expected: 'the id of a declared enrollment group', value }];
    }
    const { keyCustody } = definition;
    if (keyCustody === 'device' && csr === undefined) {
      const message = `Group "${enrollmentGroup}" keeps keys on the device, and the row has no request for a certificate.`;
      return [{ column: 'csr', code: 'csr-missing', message, expected: 'a PKCS#10 request, PEM or base64 DER' }];
    }
    if (keyCustody !== 'device' && csr !== undefined) {
      const message = `Group "${enrollmentGroup}" has keyCustody "${keyCustody}": its keys are made here, not on the device.`;
      return [{ column: 'csr', code: 'csr-unexpected', message, expected: 'an empty cell' }];
    }
    return [];
  }

  /** The device's twin is its group's with the row's laid over it; that is what has to fit. */
  function twinFindings({ tags, desired, enrollmentGroup }: DeviceRequest): CellError[] {
    const own = { tags, desired };
    if (isEmptyTwin(own)) return [];
    // The row's own first: what is too deep to be walked must not be merged.
    const faults = twinIssues(own);
    const base = group(enrollmentGroup)?.initialTwin;
    const all = faults.length > 0 || base === undefined ? faults : twinIssues(mergeTwins(base, own));
    return all.map(({ path, message }) => {
      const column = columnNamed(path);
      return { column, code: 'twin-invalid', message: `${column}: ${message}.`, value: valueAt(own, path) };
    });
  }

  /** Header cell of a twin path, or the path where the header has none. */
  function columnNamed(path: string): string {
    const cell = shape.columns?.find(
      (name) => path === name.split(':')[0] || path.startsWith(`${name.split(':')[0]}.`),
    );
    return excerpt(cell ?? path);
  }
}

function idFindings(id: string): CellError[] {
  if (deviceIdRule.test(id)) return [];
  const at = { column: 'deviceId', code: 'device-id-invalid', expected: idRule } as const;
  if (id === '') return [noDeviceId];
  const value = excerpt(id);
  const shown = JSON.stringify(value);
  const why =
    id.length > 64 ? `is ${id.length} characters long` : id !== id.toLowerCase() ? 'has upper case' : 'breaks the rule';
  return [{ ...at, message: `Device id ${shown} ${why}: ${idRule}.`, value }];
}

function duplicate(id: string, first: number): CellError {
  return {
    column: 'deviceId',
    code: 'device-id-duplicate',
    message: `Device ${id} stands on line ${first} already.`,
    expected: 'each device once',
    value: id,
  };
}

function valueAt(twin: Record<string, unknown>, path: string): string | undefined {
  let value: unknown = twin;
  for (const step of path.split('.')) value = isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  if (typeof value === 'string') return excerpt(value);
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

/** Reports name a row's first fault; its message says the others too, so that one mending is enough. */
function faultOf({ line, source }: ManifestRow, findings: readonly CellError[]): RowError {
  const [first = { code: 'row-syntax', message: 'The row cannot be read.' } as const] = findings;
  const messages = findings.slice(0, 10).map(({ message }) => message);
  return { line, source, ...first, message: messages.join(' ') || first.message };
}

/** One row as it is written. */
export interface ManifestRow {
  readonly line: number;
  readonly source: string;
  /** What it says; undefined when it cannot be read. */
  readonly fields?: DeviceFields;
  /** What is wrong with it so far. */
  readonly findings: readonly CellError[];
}

/** The rows of a chunk, in the order of the file, as many as the splitter counted. */
function readRows(bytes: Uint8Array, shape: ManifestShape, firstLine: number): ManifestRow[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (shape.format === 'ndjson') {
    return lines(buffer, firstLine).map(({ line, source }) => ({ line, source, ...jsonRow(source) }));
  }
  const { delimiter = ',', columns: names = [] } = shape;
  const columns = columnsOf(names);
  const isReport = columns.some(({ kind }) => kind === 'report');
  return csvRecords(buffer, delimiter, firstLine).map(({ line, source, cells }) => {
    return { line, source, ...csvRow(cells, { names, columns, isReport }) };
  });
}

function lines(bytes: Buffer, firstLine: number): { line: number; source: string }[] {
  const found: { line: number; source: string }[] = [];
  const onRecord = (start: number, next: number, line: number) =>
    found.push({ line, source: withoutLineEnd(bytes.toString('utf8', start, next)) });
  const scanner = createRecordScanner({ offset: 0, line: firstLine, maxRecordBytes, onRecord });
  scanner.scan(bytes);
  scanner.finish();
  return found;
}

type Reading = Pick<ManifestRow, 'fields' | 'findings'>;

function jsonRow(text: string): Reading {
  return { findings: [], ...parseDeviceObject(text) };
}

interface Table {
  readonly names: readonly string[];
  readonly columns: readonly Column[];
  /** An error report that was sent back. */
  readonly isReport: boolean;
}

function csvRow(cells: readonly string[] | undefined, { names, columns, isReport }: Table): Reading {
  if (cells === undefined) return { findings: [wrongQuotes] };
  if (cells.length !== columns.length) return { findings: [wrongCount(cells.length, columns.length)] };
  if (isReport && cells.includes(missingCell)) return { findings: [stillMissing(names[cells.indexOf(missingCell)])] };

  const named: Partial<Record<'deviceId' | 'enrollmentGroup' | 'csr', string>> = {};
  const twin = { tags: {}, desired: {} };
  const findings: CellError[] = [];
  for (const [index, column] of columns.entries()) {
    const cell = withoutGuard(cells[index] ?? '');
    // An empty cell is a value that is not there.
    if (cell === '' || column.kind === 'report') continue;
    if (column.kind === 'row') return jsonRow(cell);
    if (column.kind !== 'twin') {
      named[column.kind] = cell;
      continue;
    }
    const read = cellValue(cell, column.type);
    if (read === undefined) findings.push(wrongType(names[index] ?? '', column.type, cell));
    else place(twin[column.section], column.path, read.value);
  }
  return { fields: { deviceId: '', ...named, ...twin }, findings };
}

const wrongQuotes: CellError = {
  code: 'row-syntax',
  message: 'A quote stands where none may: within a field that is not quoted, or a quoted field has text behind it.',
  expected: 'quotes around the whole field, and each quote in it twice',
};

function wrongCount(found: number, wanted: number): CellError {
  const count = found === 1 ? '1 field' : `${found} fields`;
  const message = `The row has ${count} where the header has ${wanted}.`;
  return { code: 'row-columns', message, expected: `${wanted} fields`, value: count };
}

function stillMissing(column: string | undefined): CellError {
  const message = `The row was too short, and its missing cells are still marked ${missingCell}: fill or empty them.`;
  return { column, code: 'row-columns', message, expected: 'a value or an empty cell', value: missingCell };
}
