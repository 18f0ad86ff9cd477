import { openAsBlob } from 'node:fs';
import { extname } from 'node:path';
import { CliError, exitCodes } from './errors.ts';
import { readInput, type Terminal } from './terminal.ts';

/** The media types of docs/manifests.md by the end of a file's name. */
const mediaTypes: Readonly<Record<string, string>> = {
  '.csv': 'text/csv',
  '.tsv': 'text/tab-separated-values',
  '.ndjson': 'application/x-ndjson',
  '.jsonl': 'application/x-ndjson',
  '.xlsx': 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
};

/** Ends of names that `watch-folder` takes. */
export const listSuffixes: readonly string[] = Object.keys(mediaTypes);

/** A list of devices that is sent as a body. */
export interface ListFile {
  readonly body: Blob;
  readonly mediaType: string;
}

/** Opens a list; `-` is stdin. It is read while it is sent. @throws CliError when it cannot be read */
export async function openList(path: string, terminal: Terminal): Promise<ListFile> {
  const mediaType = mediaTypes[extname(path).toLowerCase()] ?? 'application/octet-stream';
  // The deployment finds the format by the first bytes when the name does not say it.
  if (path === '-') return { body: new Blob([await readInput(terminal)]), mediaType };
  try {
    return { body: await openAsBlob(path), mediaType };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' || code === 'ERR_INVALID_ARG_VALUE' ? 'There is no such file.' : message;
    throw new CliError(exitCodes.failed, `Cannot read ${path}: ${reason}`, { cause: error });
  }
}

/** What `POST /api/uploads` calls the format of a list. @returns undefined when the name of the file does not say it */
export function formatOf({ mediaType }: ListFile): 'csv' | 'ndjson' | 'xlsx' | undefined {
  if (mediaType === mediaTypes['.xlsx']) return 'xlsx';
  if (mediaType === mediaTypes['.ndjson']) return 'ndjson';
  return mediaType.startsWith('text/') ? 'csv' : undefined;
}

/** What openapi-fetch needs to send a body as it is, and not as JSON. */
export function asIs({ body, mediaType }: ListFile) {
  return {
    // The description says text; a Blob is sent without reading it first.
    body: body as unknown as string,
    bodySerializer: (blob: unknown) => blob as Blob,
    headers: { 'content-type': mediaType },
  };
}
