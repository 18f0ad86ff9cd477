import { excerpt, FleetError } from '../errors.ts';

/** How a manifest is written. */
export type ManifestFormat = (typeof formats)[number]['format'];

/*
 * The one table of formats. A new format is a new line here: its suffix makes it known in blob storage, its media types over
 * HTTP, and the first of them is the type that its blobs are stored with.
 */
const formats = [
  {
    format: 'csv',
    suffixes: ['.csv'],
    mediaTypes: [
      'text/csv',
      'application/csv',
      'application/x-csv',
      'text/x-csv',
      'text/comma-separated-values',
      'text/x-comma-separated-values',
      'text/tab-separated-values',
    ],
  },
  {
    format: 'ndjson',
    suffixes: ['.ndjson', '.jsonl'],
    mediaTypes: [
      'application/x-ndjson',
      'application/ndjson',
      'application/jsonl',
      'application/x-jsonl',
      'application/jsonlines',
      'application/x-jsonlines',
      'application/json-lines',
      // RFC 7464. The reader skips the record separators.
      'application/json-seq',
      'text/x-ndjson',
    ],
  },
] as const;

/** Every format. */
export const manifestFormats: readonly ManifestFormat[] = formats.map(({ format }) => format);

/**
 * Media types that say nothing of the format; the first bytes do. Browsers on Windows send the type of Excel for every CSV
 * file, curl sends the type of a form with `--data-binary` unless it is told another.
 */
export const vagueMediaTypes: readonly string[] = [
  'text/plain',
  'application/octet-stream',
  'application/vnd.ms-excel',
  'application/x-www-form-urlencoded',
];

/** Every media type that names a format. */
export const formatMediaTypes: readonly string[] = formats.flatMap(({ mediaTypes }) => mediaTypes);

/** The suffixes of manifests, as one phrase: `.csv, .ndjson or .jsonl`. */
export const suffixList = new Intl.ListFormat('en', { type: 'disjunction' })
  .format(formats.flatMap(({ suffixes }) => suffixes))
  .replace(', or ', ' or ');

/** The format that the suffix of a file name gives, in any case. */
export function formatOfName(name: string): ManifestFormat | undefined {
  const lower = name.toLowerCase();
  return formats.find(({ suffixes }) => suffixes.some((suffix) => lower.endsWith(suffix)))?.format;
}

/** @param type a media type without parameters, in lower case */
export function formatOfMediaType(type: string): ManifestFormat | undefined {
  return formats.find(({ mediaTypes }) => (mediaTypes as readonly string[]).includes(type))?.format;
}

/** The media type that blobs of a format are stored with. */
export function mediaTypeOf(format: ManifestFormat): string {
  return formats.find((each) => each.format === format)?.mediaTypes[0] ?? 'application/octet-stream';
}

/**
 * The format of a list whose type says nothing. JSON begins with a bracket, and a name of a column does not. The reader names
 * a file of another kind.
 * @param head the beginning of the file
 */
export function formatOfBytes(head: Buffer): ManifestFormat {
  // Byte order marks, the zero bytes of UTF-16, blanks and record separators come before the first character.
  return /^[^!-~]*[{[]/.test(head.subarray(0, 512).toString('latin1')) ? 'ndjson' : 'csv';
}

/**
 * The format of a manifest, from its name.
 * @throws FleetError `manifest-format` when its suffix is unknown, with the name that would do where there is one
 */
export function requireFormat(name: string): ManifestFormat {
  const format = formatOfName(name);
  if (format !== undefined) return format;
  const value = excerpt(name);
  const expected = `a name that ends in ${suffixList}`;
  const message = `The name "${value}" does not end in ${suffixList}.${renaming(name)}`;
  throw new FleetError('manifest-format', message, { expected, value });
}

/** What to do about a name that is nearly that of a manifest, with a blank before it. */
function renaming(name: string): string {
  const trimmed = name.trimEnd();
  if (trimmed !== name && formatOfName(trimmed) !== undefined) return ' Remove the blank at its end.';
  const [, plain = '', packing] = /^(.*)\.(gz|gzip|zip|bz2|7z|zst)$/i.exec(name) ?? [];
  if (packing !== undefined && formatOfName(plain) !== undefined) return ' Unpack the file before the upload.';
  return '';
}
