import { crc32, deflateRawSync } from 'node:zlib';
import { bytesSource } from '../../../lib/manifest/xlsx/package.ts';
import { readWorkbook } from '../../../lib/manifest/xlsx/table.ts';

/*
 * Writes workbooks by hand, so that each test has exactly the bytes that it is about. No library of the reader is used.
 */

export interface ZipEntry {
  readonly name: string;
  readonly data: string | Buffer;
  /** General purpose bits: 1 is "encrypted". */
  readonly flags?: number;
  /** 8 (deflate) when absent. */
  readonly method?: number;
  /** What the directory says in place of the true size or checksum. */
  readonly claims?: { readonly size?: number; readonly crc?: number };
}

/** A ZIP archive (APPNOTE 4.3). */
export function zip(entries: readonly ZipEntry[]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, data, flags = 0, method = 8, claims = {} } of entries) {
    const bytes = Buffer.from(data as string);
    const packed = method === 8 ? deflateRawSync(bytes) : bytes;
    const { size = bytes.length, crc = crc32(bytes) } = claims;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(crc, 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(size, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.concat([Buffer.from('504b0304', 'hex'), common, Buffer.from(name), packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(at, 10);
    directory.push(Buffer.from('504b01021400', 'hex'), common, tail, Buffer.from(name));
    files.push(local);
    at += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32BE(0x504b0506, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...files, central, end]);
}

const declaration = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const contentTypes = 'application/vnd.openxmlformats-officedocument.spreadsheetml';

/** Namespaces of the transitional and the strict variant of the standard. */
const variants = {
  transitional: {
    main: 'http://schemas.openxmlformats.org/spreadsheetml/2006/main',
    relationships: 'http://schemas.openxmlformats.org/officeDocument/2006/relationships',
  },
  strict: {
    main: 'http://purl.oclc.org/ooxml/spreadsheetml/main',
    relationships: 'http://purl.oclc.org/ooxml/officeDocument/relationships',
  },
} as const;

export interface WorkbookParts {
  /** The content of `sheetData` of the first sheet. */
  readonly rows: string;
  /** What stands before and behind `sheetData`. */
  readonly before?: string;
  readonly behind?: string;
  /** The `si` elements of the shared texts. */
  readonly strings?: readonly string[];
  /** Number format of each cell style from 1: the id of a built-in one, or a code. Style 0 is General. */
  readonly formats?: readonly (string | number)[];
  /** Further sheets: the content of their `sheetData`, and attributes of their entry. */
  readonly sheets?: readonly { readonly name: string; readonly rows: string; readonly state?: string }[];
  readonly firstState?: string;
  /** What stands in the workbook beside its sheets. */
  readonly properties?: string;
  readonly variant?: keyof typeof variants;
  /** Prefix of every element of the sheet, such as `x:`. */
  readonly prefix?: string;
  readonly mainType?: string;
  readonly extra?: readonly ZipEntry[];
  /** Changes the finished parts. */
  readonly change?: (entries: ZipEntry[]) => ZipEntry[];
}

/** A workbook (.xlsx) as bytes. */
export function workbook(parts: WorkbookParts): Buffer {
  const { rows, before = '', behind = '', strings, formats = [], sheets = [], properties = '', extra = [] } = parts;
  const { variant = 'transitional', prefix = '', mainType = `${contentTypes}.sheet.main+xml`, change } = parts;
  const { main, relationships } = variants[variant];
  const xmlns = prefix === '' ? `xmlns="${main}"` : `xmlns:${prefix.slice(0, -1)}="${main}"`;
  const all = [{ name: 'List', rows, state: parts.firstState }, ...sheets];
  const sheetXml = (data: string, isFirst: boolean) => {
    const xml = `<worksheet>${isFirst ? before : ''}<sheetData>${data}</sheetData>${isFirst ? behind : ''}</worksheet>`;
    const prefixed = prefix === '' ? xml : xml.replace(/<(\/?)(?=[a-z])/g, `<$1${prefix}`);
    return declaration + prefixed.replace('worksheet>', `worksheet ${xmlns}>`);
  };
  const own = formats.filter((format) => typeof format === 'string');
  const numFmts = own.map((code, index) => `<numFmt numFmtId="${164 + index}" formatCode="${escaped(code)}"/>`);
  const ids = formats.map((format) => (typeof format === 'number' ? format : 164 + own.indexOf(format)));
  const related = [
    ...all.map((_, index) => relationship(`rId${index + 1}`, 'worksheet', `worksheets/sheet${index + 1}.xml`)),
    relationship('rIdStyles', 'styles', '/xl/styles.xml'),
    ...(strings === undefined ? [] : [relationship('rIdTexts', 'sharedStrings', 'sharedStrings.xml')]),
  ];
  function relationship(id: string, type: string, target: string): string {
    return `<Relationship Id="${id}" Type="${relationships}/${type}" Target="${target}"/>`;
  }
  const listed = all.map(({ name, state }, index) => {
    const attributes = state === undefined ? '' : ` state="${state}"`;
    return `<sheet name="${name}" sheetId="${index + 1}"${attributes} r:id="rId${index + 1}"/>`;
  });
  const package2006 = 'http://schemas.openxmlformats.org/package/2006';
  const entries: ZipEntry[] = [
    {
      name: '[Content_Types].xml',
      data: `${declaration}<Types xmlns="${package2006}/content-types"><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="${mainType}"/></Types>`,
    },
    {
      name: '_rels/.rels',
      data: `${declaration}<Relationships xmlns="${package2006}/relationships">${relationship('rId1', 'officeDocument', 'xl/workbook.xml')}</Relationships>`,
    },
    {
      name: 'xl/workbook.xml',
      data: `${declaration}<workbook xmlns="${main}" xmlns:r="${relationships}">${properties}<sheets>${listed.join('')}</sheets></workbook>`,
    },
    {
      name: 'xl/_rels/workbook.xml.rels',
      data: `${declaration}<Relationships xmlns="${package2006}/relationships">${related.join('')}</Relationships>`,
    },
    {
      name: 'xl/styles.xml',
      data: `${declaration}<styleSheet xmlns="${main}"><numFmts>${numFmts.join('')}</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/>${ids.map((id) => `<xf numFmtId="${id}"/>`).join('')}</cellXfs></styleSheet>`,
    },
    ...(strings === undefined
      ? []
      : [{ name: 'xl/sharedStrings.xml', data: `${declaration}<sst xmlns="${main}">${strings.join('')}</sst>` }]),
    ...all.map((sheet, index) => ({
      name: `xl/worksheets/sheet${index + 1}.xml`,
      data: sheetXml(sheet.rows, index === 0),
    })),
    ...extra,
  ];
  return zip(change === undefined ? entries : change(entries));
}

/** A row of texts and cells: a text becomes an inline string, a number a number; anything with `<` is a cell as it stands. */
export function row(number: number, cells: readonly (string | number)[], attributes = ''): string {
  const xml = cells.map((cell, index) => {
    const reference = `${String.fromCharCode(65 + index)}${number}`;
    if (typeof cell === 'number') return `<c r="${reference}"><v>${cell}</v></c>`;
    if (cell.startsWith('<')) return cell.replace('<c', `<c r="${reference}"`);
    return cell === ''
      ? ''
      : `<c r="${reference}" t="inlineStr"><is><t xml:space="preserve">${escaped(cell)}</t></is></c>`;
  });
  return `<row r="${number}"${attributes}>${xml.join('')}</row>`;
}

/** Rows of texts and numbers from line 1. */
export function rowsOf(table: readonly (readonly (string | number)[])[]): string {
  return table.map((cells, index) => row(index + 1, cells)).join('');
}

export function escaped(text: string): string {
  const controls = /[\p{Cc}--[\t\n]]|_(?=x[0-9A-Fa-f]{4}_)/giv;
  const code = (character: string) => `_x${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}_`;
  return text
    .replace(controls, code)
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;');
}

/** The table of a workbook as text, without its byte order mark, with what was counted. */
export async function tableOf(bytes: Buffer, read = readWorkbook) {
  const { csv, sheet, repairs } = await read(bytesSource(bytes));
  const pieces: Uint8Array[] = [];
  for await (const piece of csv) pieces.push(piece);
  return {
    text: Buffer.concat(pieces)
      .toString('utf8')
      .replace(/^\ufeff/, ''),
    sheet,
    repairs,
  };
}
