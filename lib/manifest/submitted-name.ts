import type { ManifestFormat } from './formats.ts';

/**
 * Folders of lists that came through the API, below that of their group if they have one: in the body of a request, or to an address
 * that was given out (lib/pipeline/prepared-upload.ts).
 */
export type SubmittedFolder = '_http' | '_upload';

/**
 * The blob of a list that came through the API.
 * @param id used for one list only
 * @example
 * submittedName('_http', { defaultGroup: 'line7', format: 'csv' }, 'a1'); // 'line7/_http/a1.csv'
 */
export function submittedName(
  folder: SubmittedFolder,
  { defaultGroup, format }: { readonly defaultGroup?: string | undefined; readonly format: ManifestFormat },
  id: string,
): string {
  return `${defaultGroup === undefined ? '' : `${defaultGroup}/`}${folder}/${id}.${format}`;
}

const submitted = /^(?:[^/]+\/)?(_http|_upload)\/([^/.]+)\.[a-z]+$/;

/** What `submittedName` made a name of. @returns undefined for any other name */
export function readSubmittedName(blob: string): { readonly folder: SubmittedFolder; readonly id: string } | undefined {
  const [, folder, id] = submitted.exec(blob) ?? [];
  return folder === undefined || id === undefined ? undefined : { folder: folder as SubmittedFolder, id };
}
