import { excerpt, FleetError } from '../errors.ts';
import type { ManifestFormat } from './manifest.ts';

const formats: readonly (readonly [suffix: string, format: ManifestFormat])[] = [
  ['.csv', 'csv'],
  ['.ndjson', 'ndjson'],
  ['.jsonl', 'ndjson'],
];

/**
 * What a manifest's blob name says: its format by the suffix, and by the first folder the enrollment group of rows that
 * name none. A folder that begins with "_" is the app's own (`_http/`, `_orders/`) and no group.
 * @throws FleetError `manifest-format`
 */
export function manifestDefaults(blobName: string): { format: ManifestFormat; defaultGroup?: string } {
  const name = blobName.toLowerCase();
  const format = formats.find(([suffix]) => name.endsWith(suffix))?.[1];
  if (format === undefined) {
    throw new FleetError('manifest-format', `The name of "${excerpt(blobName)}" does not say what it is.`, {
      expected: 'a name that ends in .csv, .ndjson or .jsonl',
      value: excerpt(blobName),
    });
  }
  const slash = blobName.indexOf('/');
  if (slash <= 0 || blobName.startsWith('_')) return { format };
  return { format, defaultGroup: blobName.slice(0, slash) };
}
