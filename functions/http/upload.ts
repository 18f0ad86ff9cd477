import { MIMEType } from 'node:util';
import { begin } from '../../lib/byte-stream.ts';
import { excerpt, FleetError } from '../../lib/errors.ts';
import {
  formatMediaTypes,
  formatOfBytes,
  formatOfMediaType,
  formatOfName,
  type ManifestFormat,
  mediaTypeOf as typeOfFormat,
  vagueMediaTypes,
} from '../../lib/manifest/formats.ts';
import { asUtf8 } from './upload-charset.ts';
import { fileOfForm } from './upload-form.ts';
import { unpacked } from './upload-gzip.ts';

/** A manifest that was sent over HTTP. */
export interface Upload {
  readonly format: ManifestFormat;
  /** At least one byte. Read once; throws FleetError while it is read when the rest of the body is not as its headers say. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** The media types that are taken, with what each is. */
export const uploadMediaTypes: Readonly<Record<string, string>> = {
  ...Object.fromEntries(formatMediaTypes.map((type) => [type, whatIs(formatOfMediaType(type))])),
  ...Object.fromEntries(
    vagueMediaTypes.map((type) => [type, 'CSV, NDJSON or a workbook. The first bytes tell which.']),
  ),
  'multipart/form-data': 'A form with one file and nothing else. The name of the file gives the format.',
};

function whatIs(format: ManifestFormat | undefined): string {
  if (format === 'xlsx') return 'An Excel workbook. Its first sheet is read.';
  return format === 'ndjson' ? 'One JSON object per line and device.' : 'A header and one line per device.';
}

/**
 * Reads a manifest from the body of a request: takes it out of a form, unpacks gzip, decodes `charset` and finds the format. No
 * more than some blocks of it are in memory.
 * @param headers of the request
 * @param body as it comes; the caller bounds its length
 * @param maxBytes most bytes of the body, and of what it unpacks to
 * @throws FleetError `manifest-format`, `manifest-empty`, `request-invalid`, `forbidden`; nothing is to be stored then
 */
export async function readUpload(
  headers: Pick<Headers, 'get'>,
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<Upload> {
  refuseForeignForm(headers);
  const type = mediaTypeOf(headers);
  const plain = unpacked(body, headers.get('content-encoding'), maxBytes);
  if (type.essence !== 'multipart/form-data') return manifestIn(plain, namedFormat(type.essence), type.charset);
  const file = await fileOfForm(headers.get('content-type') ?? '', plain);
  try {
    return await manifestIn(file.body, namedFormat(file.mediaType, file.name));
  } catch (error) {
    file.discard();
    throw error;
  }
}

/** @throws FleetError `manifest-empty` */
async function manifestIn(body: AsyncIterable<Uint8Array>, named?: ManifestFormat, charset?: string): Promise<Upload> {
  const { head: begun, body: whole } = await begin(body, headBytes);
  const head = begun.subarray(0, headBytes);
  if (head.length === 0)
    throw new FleetError('manifest-empty', 'The request has no body. Send the manifest as the body.');
  const format = named ?? formatOfBytes(head);
  return { format, body: format === 'xlsx' ? whole : asUtf8(whole, charset, head) };
}

/**
 * The format that the name of a file or its media type gives. The name comes first: a media type is often a default of the
 * client.
 * @returns undefined when the type says nothing
 * @throws FleetError `manifest-format` when the type is another one
 */
function namedFormat(mediaType: string, fileName = ''): ManifestFormat | undefined {
  const named = formatOfName(fileName) ?? formatOfMediaType(mediaType);
  if (named !== undefined || vagueMediaTypes.includes(mediaType)) return named;
  const [expected, value] = [`text/csv, application/x-ndjson or ${typeOfFormat('xlsx')}`, excerpt(mediaType)];
  const hint = /^(?:application|text)\/json$/.test(mediaType) ? ' Write one JSON object per line.' : '';
  const file = fileName === '' ? '' : ` of ${JSON.stringify(excerpt(fileName))}`;
  const message = `The Content-Type${file} is "${value}". Expected ${expected}.${hint}`;
  throw new FleetError('manifest-format', message, { column: 'content-type', expected, value });
}

interface MediaType {
  /** Type and subtype, in lower case; empty when the header is absent or damaged. */
  readonly essence: string;
  readonly charset: string | undefined;
}

function mediaTypeOf(headers: Pick<Headers, 'get'>): MediaType {
  const header = headers.get('content-type') ?? '';
  try {
    const { essence, params } = new MIMEType(header);
    return { essence, charset: params.get('charset') ?? undefined };
  } catch {
    // Not as RFC 9110 writes it. The error about its type shows it.
    return { essence: header.split(';')[0]?.trim().toLowerCase() ?? '', charset: undefined };
  }
}

/** Bytes that show the format, before anything is stored. */
const headBytes = 512;

/**
 * A page of another site can have a browser send a form, with the cookie of a signed-in user and without asking this server
 * (https://developer.mozilla.org/docs/Web/HTTP/CORS#simple_requests). It cannot set these two headers without asking.
 * @throws FleetError `forbidden`
 */
function refuseForeignForm(headers: Pick<Headers, 'get'>): void {
  const site = headers.get('sec-fetch-site') ?? 'none';
  const isForeign = site !== 'none' && site !== 'same-origin';
  if (!isForeign || headers.get('authorization') !== null || headers.get('x-functions-key') !== null) return;
  const message = 'The page that sends this request is of another site. Send it with an Authorization header or a key.';
  throw new FleetError('forbidden', message, { column: 'sec-fetch-site', value: excerpt(site) });
}
