import { isEmptyTwin, mergeTwins, twinIssues } from '../devices/twin.ts';
import { excerpt } from '../errors.ts';
import type { GroupDefinition } from '../groups/definition.ts';
import { isObject } from '../json.ts';
import { isUsualWriting } from '../pki/csr-text.ts';
import { isBlank } from './blanks.ts';
import { cellText, isEmptyWord, suspectRow, textDamage } from './cells.ts';
import { type Column, cellValue, columnsOf, delimiters, missingCell, place, wrongType } from './columns.ts';
import { csvRecords } from './csv.ts';
import { type DeviceFields, parseDeviceObject } from './device-fields.ts';
import { decodeText } from './encoding.ts';
import { dateSerialError, idError, isHeaderAgain, mayBeDateSerial } from './ids.ts';
import {
  type CellError,
  type Delimiter,
  type DeviceRequest,
  type ManifestShape,
  type RowError,
  rowError,
} from './manifest.ts';
import { type RecordText, recordsIn } from './record-scanner.ts';
import { createRepairCount, type RepairCount, type Repairs } from './repairs.ts';

export interface RowReaderOptions {
  readonly shape: ManifestShape;
  /** Enrollment group of rows that do not name one. */
  readonly defaultGroup?: string;
  /** Looks a declared group up. */
  readonly group: (id: string) => Pick<GroupDefinition, 'keyCustody' | 'initialTwin' | 'deviceIdCase'> | undefined;
}

/** Each row of a chunk is in exactly one of `requests` and `faults`, in the order of the file. */
export interface ChunkRows {
  readonly requests: DeviceRequest[];
  readonly faults: RowError[];
  /** Repairs to the rows, and warnings about them. */
  readonly repairs: Repairs;
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
    const count = createRepairCount();
    const rows = readRows(bytes, shape, firstLine, count);
    const requests: DeviceRequest[] = [];
    const faults: RowError[] = [];
    const first = new Map<string, DeviceRequest>();
    const clashes = new Map<string, CellError>();
    for (const row of rows) {
      const request = requestOf(row, count);
      const errors = request === undefined ? row.errors : [...row.errors, ...check(request)];
      if (request === undefined || errors.length > 0) {
        faults.push(joined(row, errors));
        continue;
      }
      const { deviceId } = request;
      const earlier = first.get(deviceId);
      if (earlier === undefined) {
        first.set(deviceId, request);
        requests.push(request);
        continue;
      }
      const error = duplicate(request, earlier);
      if (isClash(request, earlier)) clashes.set(deviceId, error);
      faults.push(rowError(row, error));
    }
    if (shape.format === 'csv') count.add('leading-zeros', shorterNumbers(requests));
    return { ...withoutClashes(requests, faults, clashes), repairs: count.repairs };
  };

  function requestOf({ line, source, fields }: ManifestRow, count: RepairCount): DeviceRequest | undefined {
    if (fields === undefined) return undefined;
    const { enrollmentGroup = defaultGroup ?? '', csr, tags, desired } = fields;
    const writtenId = fields.deviceId;
    const deviceId = group(enrollmentGroup)?.deviceIdCase === 'fold' ? writtenId.toLowerCase() : writtenId;
    const request = { line, source, deviceId, enrollmentGroup, ...(csr === undefined ? {} : { csr }), tags, desired };
    if (deviceId === writtenId) return request;
    count.add('folded-ids');
    return { ...request, writtenId };
  }

  function check(request: DeviceRequest): CellError[] {
    const wrongId = idError(request.deviceId, shape.format);
    return [...(wrongId === undefined ? [] : [wrongId]), ...groupErrors(request), ...twinErrors(request)];
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
      const near = [
        enrollmentGroup.toLowerCase().replace(/\s+/g, ''),
        enrollmentGroup.toLowerCase().replace(/\s+/g, '-'),
      ];
      const meant = near.find((id) => group(id) !== undefined);
      const advice = meant === undefined ? 'Correct the id, or declare the group.' : `Did you mean "${meant}"?`;
      const message = `There is no enrollment group ${JSON.stringify(value)}. ${advice}`;
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

function duplicate(request: DeviceRequest, first: DeviceRequest): CellError {
  const { deviceId } = request;
  const message = isClash(request, first)
    ? `Device ${deviceId} is "${writtenIdOf(first)}" on line ${first.line} and "${writtenIdOf(request)}" on line ${request.line}. Ids that differ only in case are one device. Correct one of the two.`
    : `Device ${deviceId} is on line ${first.line} already. Remove one of the two rows.`;
  return { column: 'deviceId', code: 'device-id-duplicate', message, expected: 'each device once', value: deviceId };
}

const writtenIdOf = ({ deviceId, writtenId }: DeviceRequest) => writtenId ?? deviceId;

/** Two rows write one id in different ways. */
function isClash(one: DeviceRequest, other: DeviceRequest): boolean {
  return writtenIdOf(one) !== writtenIdOf(other);
}

/** Refuses the first row as well where a later one writes its id in another case: it is not known which of them is meant. */
function withoutClashes(
  requests: DeviceRequest[],
  faults: RowError[],
  clashes: ReadonlyMap<string, CellError>,
): Pick<ChunkRows, 'requests' | 'faults'> {
  if (clashes.size === 0) return { requests, faults };
  const first = requests.flatMap((request) => {
    const error = clashes.get(request.deviceId);
    return error === undefined ? [] : [rowError(request, error)];
  });
  return {
    requests: requests.filter(({ deviceId }) => !clashes.has(deviceId)),
    faults: [...faults, ...first].sort((a, b) => a.line - b.line),
  };
}

/** How many ids of digits only are shorter than the longest such id. */
function shorterNumbers(requests: readonly DeviceRequest[]): number {
  const lengths = requests
    .map(({ deviceId }) => deviceId)
    .filter((id) => /^\d+$/.test(id))
    .map(({ length }) => length);
  const longest = Math.max(...lengths);
  return lengths.filter((length) => length < longest).length;
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
function readRows(bytes: Uint8Array, shape: ManifestShape, firstLine: number, count: RepairCount): ManifestRow[] {
  const stored = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const buffer = shape.encoding === undefined ? stored : Buffer.from(decodeText(stored, shape.encoding));
  if (shape.format === 'ndjson') {
    return recordsIn(buffer, firstLine).map(({ line, source }) => {
      return { line, source, errors: [], ...parseDeviceObject(source, count) };
    });
  }
  const { delimiter = ',', columns: names = [] } = shape;
  const columns = columnsOf(names);
  const isReport = columns.some(({ kind }) => kind === 'report');
  const table: Table = { names, columns, isReport, delimiter, suspect: suspectRow(delimiter), count };
  const rows = csvRecords(buffer, delimiter, firstLine, shape.sheet !== undefined).map(
    ({ line, source, cells }): ManifestRow => {
      return { line, source, ...csvRow({ line, source, cells }, table) };
    },
  );
  return withDateSerials(rows, isReport);
}

/**
 * Refuses numbers that may be dates among ids that are not numbers. Where all ids are numbers of five digits, they are
 * serial numbers.
 */
function withDateSerials(rows: ManifestRow[], isReport: boolean): ManifestRow[] {
  const idOf = ({ fields }: ManifestRow) => fields?.deviceId ?? '';
  if (!rows.some((row) => mayBeDateSerial(idOf(row)))) return rows;
  if (!isReport && !rows.some((row) => /\D/.test(idOf(row)))) return rows;
  return rows.map((row) => {
    return mayBeDateSerial(idOf(row)) ? { ...row, errors: [...row.errors, dateSerialError(idOf(row))] } : row;
  });
}

type Reading = Pick<ManifestRow, 'fields' | 'errors'>;

interface Table {
  readonly names: readonly string[];
  readonly columns: readonly Column[];
  /** True for an error report that was sent back as a manifest. */
  readonly isReport: boolean;
  readonly delimiter: Delimiter;
  /** Finds rows whose cells need a closer look. */
  readonly suspect: RegExp;
  readonly count: RepairCount;
}

interface CsvRow extends RecordText {
  readonly cells: readonly string[] | undefined;
}

function csvRow({ line, source, cells }: CsvRow, table: Table): Reading {
  const { names, columns, isReport, suspect, count } = table;
  if (cells === undefined) return { errors: [wrongQuotes(line, source, table)] };
  if (cells.length !== columns.length) {
    const isExtra = cells.length > columns.length && cells.slice(columns.length).every(isBlank);
    if (!isExtra) return { errors: [wrongCount(cells, table)] };
    count.add('extra-cells');
  }
  if (isReport && cells.includes(missingCell)) return { errors: [stillMissing(names[cells.indexOf(missingCell)])] };

  const isSuspect = suspect.test(source);
  const named: Partial<Record<'deviceId' | 'enrollmentGroup' | 'csr', string>> = {};
  const twin = { tags: {}, desired: {} };
  const errors: CellError[] = [];
  for (const [index, column] of columns.entries()) {
    const written = cells[index] ?? '';
    // An empty cell is an absent value.
    if (written === '' || column.kind === 'report') continue;
    const cell = isSuspect && column.kind !== 'csr' ? cellText(written, count) : written;
    if (cell === '') continue;
    if (column.kind === 'row') return { errors: [], ...parseDeviceObject(cell, count) };
    if (column.kind === 'nameless') {
      errors.push(namelessValue(index, cell));
      continue;
    }
    if (column.kind !== 'twin') {
      named[column.kind] = cell;
      if (column.kind === 'csr' && !isUsualWriting(cell)) count.add('csr-writing');
      continue;
    }
    const name = names[index] ?? '';
    if (isSuspect && column.type !== 'json') {
      const damage = damageOf(cell, column.type, { line, source }, table);
      if (damage !== undefined) {
        errors.push({ code: 'value-type', column: name, message: `${excerpt(name)} ${damage}`, value: excerpt(cell) });
        continue;
      }
      if (column.type === 'string' && isEmptyWord(cell)) count.add('empty-words');
    }
    const read = cellValue(cell, column.type);
    if (read === undefined) errors.push(wrongType(name, column.type, cell));
    else place(twin[column.section], column.path, read.value);
  }
  if (named.deviceId !== undefined && isHeaderAgain(named.deviceId)) return { errors: [headerAgain] };
  return { fields: { deviceId: '', ...named, ...twin }, errors };
}

/** What is wrong with the text of a cell, whatever its column means. @returns the end of a sentence */
function damageOf(cell: string, type: string, row: RecordText, table: Table): string | undefined {
  const damage = type === 'string' ? textDamage(cell) : undefined;
  if (damage !== undefined) return `is ${JSON.stringify(excerpt(cell))}, which ${damage}`;
  if (!holdsRows(cell, table)) return undefined;
  const opens = row.line + linesIn(row.source.slice(0, Math.max(row.source.indexOf(cell.split('\n')[0] ?? ''), 0)));
  return `holds whole rows: the quote that opens on line ${opens} takes in lines ${opens} to ${opens + linesIn(cell)}. Remove the quote, or write it twice inside a quoted field.`;
}

/** Whether each further line of a cell has as many fields as the header, with a device id in its place. */
function holdsRows(cell: string, { columns, delimiter }: Table): boolean {
  if (!cell.includes('\n') || columns.length < 2) return false;
  const at = columns.findIndex(({ kind }) => kind === 'deviceId');
  const [, ...further] = cell.split(/\r?\n/);
  return further.every((line, index) => {
    const fields = line.split(delimiter);
    const isLast = index === further.length - 1;
    const id = fields[at] ?? '';
    // A quote closes within the last line, so that one may be short.
    const least = isLast ? Math.max(at + 1, 2) : columns.length;
    const isComplete = fields.length >= least && fields.length <= columns.length;
    return isComplete && /^[A-Za-z0-9._:-]*\d[A-Za-z0-9._:-]*$/.test(id);
  });
}

function linesIn(text: string): number {
  return text.split('\n').length - 1;
}

function wrongQuotes(line: number, source: string, { delimiter }: Table): CellError {
  const expected = 'quotes around the whole field, and each quote inside it twice';
  const advice = 'Put quotes around the whole field, and write each quote inside it twice.';
  const lines = linesIn(source);
  const why =
    lines > 0
      ? ` The quote takes in lines ${line} to ${line + lines}, which are not read as rows.`
      : source.includes('\\"')
        ? ' A backslash does not escape a quote.'
        : source.includes(`${delimiter} "`)
          ? ' Remove the blank between the delimiter and the quote.'
          : '';
  return { code: 'row-syntax', message: `A quote is in the wrong place.${why} ${advice}`, expected };
}

function wrongCount(cells: readonly string[], { columns, delimiter }: Table): CellError {
  const expected = columns.length;
  const count = cells.length === 1 ? '1 field' : `${cells.length} fields`;
  const [only = ''] = cells;
  const other = delimiters.find((candidate) => candidate !== delimiter && only.split(candidate).length === expected);
  const advice =
    cells.length === 1 && expected > 1 && only.split(delimiter).length === expected
      ? 'The whole row is in quotes. Remove them, or quote each field by itself.'
      : cells.length === 1 && expected > 1 && other !== undefined
        ? `The header is separated by ${JSON.stringify(delimiter)} and this row by ${JSON.stringify(other)}. Use one delimiter.`
        : cells.length < expected
          ? 'Add the missing fields.'
          : cells.some((cell) => /^\s*[“„]/.test(cell))
            ? 'Curly quotes do not quote a field. Write straight quotes (").'
            : 'Quote a field that contains the delimiter.';
  const message = `The row has ${count} where the header has ${expected}. ${advice}`;
  return { code: 'row-columns', message, expected: `${expected} fields`, value: count };
}

function namelessValue(index: number, cell: string): CellError {
  const value = excerpt(cell);
  const message = `Column ${index + 1} has no name, and its cell is ${JSON.stringify(value)}. Name the column, or empty the cell.`;
  return { code: 'row-columns', message, expected: 'an empty cell', value };
}

const headerAgain: CellError = {
  column: 'deviceId',
  code: 'row-syntax',
  message: 'The row is the header again. Remove it.',
  expected: 'one header, as the first line',
};

function stillMissing(column: string | undefined): CellError {
  const message = `The row has cells that are still marked ${missingCell}. Fill or empty them.`;
  return { column, code: 'row-columns', message, expected: 'a value or an empty cell', value: missingCell };
}
