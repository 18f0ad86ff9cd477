import { isAscii } from 'node:buffer';
import { isEmptyTwin, mergeTwins, twinIssues } from '../devices/twin.ts';
import { excerpt } from '../errors.ts';
import type { GroupDefinition } from '../groups/definition.ts';
import { isObject } from '../json.ts';
import { isUsualWriting } from '../pki/csr-text.ts';
import { isBlank } from './blanks.ts';
import { cellText, isEmptyWord, isSuspect, mayHaveLostDigits } from './cells.ts';
import { cellValue, columnsOf, missingCell, place, wrongType } from './columns.ts';
import { csvRecords } from './csv.ts';
import { type DeviceFields, parseDeviceObject } from './device-fields.ts';
import { decodeText } from './encoding.ts';
import { dateSerialError, idError, isHeaderAgain, mayBeDateSerial } from './ids.ts';
import { type CellError, type DeviceRequest, type ManifestShape, type RowError, rowError } from './manifest.ts';
import { type RecordText, recordsIn } from './record-scanner.ts';
import { createRepairCount, type RepairCount, type Repairs } from './repairs.ts';
import {
  damageOf,
  headerAgain,
  namelessValue,
  stillMissing,
  type TableLayout,
  wrongCount,
  wrongQuotes,
} from './row-faults.ts';

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
  /** Ids that rows of the chunk write in different ways, with the line of the first. None of these rows is in `requests`. */
  readonly clashes: ReadonlyMap<string, number>;
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
  const clashing = new Map(Object.entries(shape.clashes ?? {}));
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
    if (shape.format === 'csv') countWarnings(requests, count);
    const lines = new Map([...clashes.keys()].map((id) => [id, first.get(id)?.line ?? firstLine]));
    return { ...withoutClashes(requests, faults, clashes), repairs: count.repairs, clashes: lines };
  };

  function requestOf({ line, source, fields }: ManifestRow, count: RepairCount): DeviceRequest | undefined {
    if (fields === undefined) return undefined;
    const { enrollmentGroup = defaultGroup ?? '', csr, tags, desired } = fields;
    const writtenId = fields.deviceId;
    const isFolded = group(enrollmentGroup)?.deviceIdCase === 'fold' && /[A-Z]/.test(writtenId);
    // Letters of ASCII only: other upper-case letters have no place in an id, and some become two characters.
    const deviceId = isFolded ? writtenId.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : writtenId;
    const request = { line, source, deviceId, enrollmentGroup, ...(csr === undefined ? {} : { csr }), tags, desired };
    if (deviceId === writtenId) return request;
    count.add('folded-ids');
    return { ...request, writtenId };
  }

  function check(request: DeviceRequest): CellError[] {
    const wrongId = idError(request.deviceId, shape.format);
    return [
      ...(wrongId === undefined ? [] : [wrongId]),
      ...groupErrors(request),
      ...twinErrors(request),
      ...clashErrors(request),
    ];
  }

  /** Rows of other chunks are not in sight here. They were compared when the manifest was split. */
  function clashErrors(request: DeviceRequest): CellError[] {
    const { deviceId, enrollmentGroup, line } = request;
    const lines = clashing.get(deviceId);
    if (lines === undefined || group(enrollmentGroup)?.deviceIdCase !== 'fold') return [];
    const other = lines.find((candidate) => candidate !== line) ?? line;
    const written = JSON.stringify(writtenIdOf(request));
    const message = `Device ${deviceId} is ${written} here, and in another case on line ${other}. ${oneDevice}`;
    return [
      { column: 'deviceId', code: 'device-id-duplicate', message, expected: 'each device once', value: deviceId },
    ];
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
    ? `Device ${deviceId} is "${writtenIdOf(first)}" on line ${first.line} and "${writtenIdOf(request)}" on line ${request.line}. ${oneDevice}`
    : `Device ${deviceId} is on line ${first.line} already. Remove one of the two rows.`;
  return { column: 'deviceId', code: 'device-id-duplicate', message, expected: 'each device once', value: deviceId };
}

const oneDevice = 'Ids that differ only in case are one device. Correct one of the two.';

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

/** Counts ids of digits only that may have lost something, and those that are shorter than the longest one. */
function countWarnings(requests: readonly DeviceRequest[], count: RepairCount): void {
  const numbers: string[] = [];
  for (const { deviceId } of requests) if (/^\d+$/.test(deviceId)) numbers.push(deviceId);
  const longest = numbers.reduce((most, { length }) => Math.max(most, length), 0);
  for (const number of numbers) {
    if (number.length < longest) count.add('leading-zeros');
    if (mayBeDateSerial(number)) count.add('date-numbers');
    if (mayHaveLostDigits(number)) count.add('lost-digits');
  }
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
  const table: Table = { names, columns, isReport, delimiter, isAscii: isAscii(buffer), count };
  const rows = csvRecords(buffer, delimiter, firstLine).map(({ line, source, cells }): ManifestRow => {
    return { line, source, ...csvRow({ line, source, cells }, table) };
  });
  return withDateSerials(rows, isReport);
}

/**
 * Refuses numbers that may be dates among ids that are not numbers. Where all ids are numbers of five digits, they are
 * serial numbers.
 */
function withDateSerials(rows: ManifestRow[], isReport: boolean): ManifestRow[] {
  const idOf = ({ fields }: ManifestRow) => fields?.deviceId ?? '';
  if (!rows.some((row) => mayBeDateSerial(idOf(row)))) return rows;
  if (!isReport && !rows.some((row) => /[^\d.]/.test(idOf(row)))) return rows;
  return rows.map((row) => {
    return mayBeDateSerial(idOf(row)) ? { ...row, errors: [...row.errors, dateSerialError(idOf(row))] } : row;
  });
}

type Reading = Pick<ManifestRow, 'fields' | 'errors'>;

interface Table extends TableLayout {
  readonly names: readonly string[];
  /** True for an error report that was sent back as a manifest. */
  readonly isReport: boolean;
  /** All rows of the chunk are ASCII. */
  readonly isAscii: boolean;
  readonly count: RepairCount;
}

/** The fields of a row while it is read. */
type Fields = { -readonly [Name in keyof DeviceFields]: DeviceFields[Name] };

const beyondAscii = /[\u0080-\uffff]/;

interface CsvRow extends RecordText {
  readonly cells: readonly string[] | undefined;
}

function csvRow({ line, source, cells }: CsvRow, table: Table): Reading {
  const { names, columns, isReport, count } = table;
  if (cells === undefined) return { errors: [wrongQuotes(line, source, table)] };
  if (cells.length !== columns.length) {
    const isExtra = cells.length > columns.length && cells.slice(columns.length).every(isBlank);
    if (!isExtra) return { errors: [wrongCount(cells, table)] };
    count.add('extra-cells');
  }
  if (isReport && cells.includes(missingCell)) return { errors: [stillMissing(names[cells.indexOf(missingCell)])] };

  const isUnusual = source.includes('"') || (!table.isAscii && beyondAscii.test(source));
  const fields: Fields = { deviceId: '', enrollmentGroup: undefined, csr: undefined, tags: {}, desired: {} };
  const errors: CellError[] = [];
  for (const [index, column] of columns.entries()) {
    const written = cells[index] ?? '';
    // An empty cell is an absent value.
    if (written === '' || column.kind === 'report') continue;
    const needsCare = isUnusual || isSuspect(written);
    const cell = needsCare && column.kind !== 'csr' ? cellText(written, count) : written;
    if (cell === '') continue;
    if (column.kind === 'row') return { errors: [], ...parseDeviceObject(cell, count) };
    if (column.kind === 'nameless') {
      errors.push(namelessValue(index, cell));
      continue;
    }
    if (column.kind !== 'twin') {
      fields[column.kind] = cell;
      if (column.kind === 'csr' && !isUsualWriting(cell)) count.add('csr-writing');
      continue;
    }
    const name = names[index] ?? '';
    if (needsCare) {
      const damage = damageOf(cell, column.type, { line, source }, table);
      if (damage !== undefined) {
        errors.push({ code: 'value-type', column: name, message: `${excerpt(name)} ${damage}`, value: excerpt(cell) });
        continue;
      }
      if (column.type === 'string' && isEmptyWord(cell)) count.add('empty-words');
      if (column.type === 'string' && mayHaveLostDigits(cell)) count.add('lost-digits');
    }
    const read = cellValue(cell, column.type);
    if (read === undefined) errors.push(wrongType(name, column.type, cell));
    else place(fields[column.section], column.path, read.value);
  }
  if (isHeaderAgain(fields.deviceId)) return { errors: [headerAgain] };
  return { fields, errors };
}
