import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, normalize, sep } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';

/** The files of a bundle by path. Paths do not contain the top folder. */
export type BundleFiles = ReadonlyMap<string, { readonly body: Buffer; readonly mode: number }>;

/** Reads a bundle as `tar -xzf` does. @param bundle .tar.gz */
export async function readBundle(bundle: Buffer): Promise<BundleFiles> {
  const files = new Map<string, { body: Buffer; mode: number }>();
  for await (const entry of Readable.from([gunzipSync(bundle)]).pipe(extract())) {
    const body = Buffer.concat(await Array.fromAsync(entry as AsyncIterable<Buffer>));
    const path = entry.header.name.split('/').slice(1).join('/');
    if (entry.header.type === 'file') files.set(path, { body, mode: entry.header.mode ?? 0o644 });
  }
  return files;
}

/** Writes the files below a directory. @throws Error if a path leads out of it */
export async function unpackBundle(files: BundleFiles, directory: string): Promise<void> {
  for (const [path, { body, mode }] of files) {
    const target = normalize(join(directory, path));
    if (!target.startsWith(normalize(directory) + sep))
      throw new Error(`The bundle contains a path outside its folder: ${path}`);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, body, { mode });
  }
}
