import { excerpt, type FleetError } from '../../errors.ts';
import { badWorkbook, limits } from './limits.ts';
import type { Package } from './package.ts';
import { type Attributes, isSet, prefixed, readXml } from './xml.ts';

/** What the workbook says about its parts. */
export interface Book {
  /** Sheets that the spreadsheet shows as tabs, in their order. At least one. */
  readonly sheets: readonly [SheetEntry, ...SheetEntry[]];
  /** Sheets that it hides. */
  readonly hiddenSheets: readonly SheetEntry[];
  /** Part names. Absent: the workbook has none. */
  readonly sharedStrings?: string | undefined;
  readonly styles?: string | undefined;
  /** Days count from 1904-01-01 (old Excel for Mac). */
  readonly date1904: boolean;
  /** The program that wrote it did not calculate the formulas; the spreadsheet is to do so when it opens the file. */
  readonly isUncalculated: boolean;
}

export interface SheetEntry {
  readonly name: string;
  /** Part name. */
  readonly part: string;
}

interface Relationship {
  readonly id: string;
  /** Last step of its URI: the transitional and the strict variant of the standard differ before it. */
  readonly type: string;
  /** Part name. */
  readonly target: string;
  readonly isExternal: boolean;
}

/**
 * Finds the sheets of a workbook (ECMA-376, part 1, 18.2).
 * @throws FleetError `manifest-workbook` for macros, links to other workbooks, other kinds of files, and a damaged workbook
 */
export async function readBook(archive: Package): Promise<Book> {
  const types = await contentTypes(archive);
  if (types === undefined) throw otherArchive(archive.names);
  refuseActive(archive.names, types);
  const root = await relationships(archive, '');
  const main = root.find(({ type }) => type === 'officeDocument')?.target ?? 'xl/workbook.xml';
  const related = await relationships(archive, main);
  if (related.some(({ type }) => /^externalLink/.test(type))) throw linked();

  const listed: { name: string; id: string; isHidden: boolean }[] = [];
  let date1904 = false;
  let isUncalculated = false;
  await readXml(requirePart(archive, main), {
    open(element, attributes) {
      if (element === 'workbookPr') date1904 = isSet(attributes['date1904']);
      if (element === 'calcPr') isUncalculated = isSet(attributes['fullCalcOnLoad']);
      if (element !== 'sheet') return;
      const { name = '', state = 'visible' } = attributes;
      listed.push({ name: excerpt(name), id: prefixed(attributes, 'id') ?? '', isHidden: state !== 'visible' });
    },
  });
  const sheetsOf = (hidden: boolean): SheetEntry[] =>
    listed.flatMap(({ name, id, isHidden }) => {
      const found = related.find((relationship) => relationship.id === id);
      if (isHidden !== hidden || found?.type !== 'worksheet') return [];
      if (found.isExternal) throw linked();
      return [{ name, part: found.target }];
    });
  const [first, ...others] = sheetsOf(false);
  if (first === undefined) throw badWorkbook('The workbook has no sheet with cells. Put the list on the first sheet.');
  const partOf = (wanted: string) => related.find(({ type, isExternal }) => type === wanted && !isExternal)?.target;
  return {
    sheets: [first, ...others],
    hiddenSheets: sheetsOf(true),
    sharedStrings: partOf('sharedStrings'),
    styles: partOf('styles'),
    date1904,
    isUncalculated,
  };
}

/** A part that another part names. */
export function requirePart(archive: Package, name: string, maxBytes: number = limits.smallPartBytes) {
  const part = archive.part(name, maxBytes);
  if (part !== undefined) return part;
  const message = `The workbook is damaged: it has no part ${excerpt(name)}. Save it again in the spreadsheet.`;
  throw badWorkbook(message);
}

/** The content type of each part that has one of its own. @returns undefined when the archive is not a package */
async function contentTypes(archive: Package): Promise<ReadonlyMap<string, string> | undefined> {
  const part = archive.part('[Content_Types].xml', limits.smallPartBytes);
  if (part === undefined) return undefined;
  const types = new Map<string, string>();
  await readXml(part, {
    open(name, { PartName = '', Extension = '', ContentType = '' }) {
      if (name === 'Override') types.set(PartName.toLowerCase(), ContentType);
      if (name === 'Default') types.set(`*.${Extension.toLowerCase()}`, ContentType);
    },
  });
  return types;
}

/** Refuses what a list has no need for, and a package that is not a workbook. */
function refuseActive(names: readonly string[], types: ReadonlyMap<string, string>): void {
  const all = [...types.values()];
  const has = (pattern: RegExp) => names.find((name) => pattern.test(name));
  if (all.some((type) => /sheet\.binary/i.test(type)) || has(/(?:^|\/)workbook\.bin$/i) !== undefined) {
    throw badWorkbook('The file is a binary workbook (.xlsb). Save it as "Excel Workbook (.xlsx)".');
  }
  const macros = has(/vbaProject[^/]*\.bin$|(?:^|\/)macrosheets\//i);
  if (macros !== undefined || all.some((type) => /macroEnabled|macrosheet|vbaProject/i.test(type))) {
    const value = macros ?? 'macroEnabled';
    throw badWorkbook('The workbook has macros. Save it as "Excel Workbook (.xlsx)", without macros.', { value });
  }
  const link = has(/(?:^|\/)externalLinks\//i);
  if (link !== undefined || all.some((type) => /externalLink\+xml/i.test(type))) throw linked(link);
  const main = all.some((type) => /spreadsheetml\.(?:sheet|template)\.main\+xml|ms-excel/i.test(type));
  if (!main && has(/(?:^|\/)workbook\.xml$/i) === undefined) throw otherArchive(names);
}

function linked(value?: string): FleetError {
  const message =
    'The workbook has links to other workbooks, so its values can come from a file that is not here. In Excel, use Data > Edit Links > Break Link, and save it again.';
  return badWorkbook(message, value === undefined ? {} : { value });
}

const otherKinds: readonly (readonly [part: RegExp, kind: string, advice: string])[] = [
  [/^word\//i, 'a Word document', 'Copy the table into a spreadsheet and save it as .xlsx.'],
  [/^ppt\//i, 'a presentation', 'Copy the table into a spreadsheet and save it as .xlsx.'],
  [
    /^Index\/.*\.iwa$|^index\.apxl$|^Index\.zip$/i,
    'a document of Numbers or Pages',
    'Export it to Excel (.xlsx) or CSV.',
  ],
  [/^content\.xml$/i, 'an OpenDocument file (.ods)', 'Save it as "Excel 2007-365 (.xlsx)" or as CSV UTF-8.'],
];

/** Names what a ZIP archive is that is not a workbook. */
function otherArchive(names: readonly string[]): FleetError {
  const known = otherKinds.find(([part]) => names.some((name) => part.test(name)));
  if (known !== undefined) return badWorkbook(`The file is ${known[1]}, not an .xlsx workbook. ${known[2]}`);
  const list = names.find((name) => /\.(?:xlsx|csv|ndjson|jsonl)$/i.test(name));
  const holds = list === undefined ? '' : ` that holds ${JSON.stringify(excerpt(list))}`;
  return badWorkbook(`The file is a ZIP archive${holds}, not an .xlsx workbook. Unpack it, and send the list itself.`);
}

/** The relationships of a part; of the package for ''. */
async function relationships(archive: Package, of: string): Promise<readonly Relationship[]> {
  const slash = of.lastIndexOf('/') + 1;
  const folder = of.slice(0, slash);
  const part = archive.part(`${folder}_rels/${of.slice(slash)}.rels`, limits.smallPartBytes);
  const found: Relationship[] = [];
  if (part === undefined) return found;
  await readXml(part, {
    open(name, attributes) {
      if (name === 'Relationship') found.push(relationship(attributes, folder));
    },
  });
  return found;
}

function relationship(attributes: Attributes, folder: string): Relationship {
  const { Id: id = '', Type: uri = '', Target: written = '', TargetMode: mode = 'Internal' } = attributes;
  const type = uri.slice(uri.lastIndexOf('/') + 1);
  // A part name, from the folder of the source part or, with a slash, from the root (RFC 3986, section 5.2).
  const isExternal = mode === 'External';
  return { id, type, target: isExternal ? written : partName(written, folder), isExternal };
}

/** @returns the target as it is when it is not a reference; then no part has that name */
function partName(target: string, folder: string): string {
  try {
    return decodeURIComponent(new URL(target, `package:///${folder}`).pathname).replace(/^\/+/, '');
  } catch {
    return target;
  }
}
