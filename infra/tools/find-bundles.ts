import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';

/** A bundle on disk, packed or unpacked. */
export interface FoundBundle {
  readonly path: string;
  /** Reads it as an archive, tar or tar.gz. An unpacked bundle is packed again, in a folder of its own name. */
  readonly read: () => Promise<Buffer>;
}

/** One of them is in every bundle. */
const configFiles = ['config.toml', 'config.yaml', 'device.json'];
const archiveName = /\.(?:tar|tgz|tar\.gz)(?:\.cms)?$/;

/**
 * Finds the bundles that a path names: a file, an unpacked bundle, or all bundles below a folder, in the order of their
 * names. A file is taken as it is. A folder is searched for unpacked bundles and for names that end in .tar, .tgz or .tar.gz.
 * @throws Error if the path does not exist, or if the folder has no bundle
 */
export async function findBundles(path: string): Promise<FoundBundle[]> {
  if (!(await stat(path)).isDirectory()) return [{ path, read: () => readFile(path) }];
  const found = await bundlesBelow(path);
  if (found.length === 0) {
    const expected = `unpacked bundles (${configFiles.join(', ')}) or archives (.tar.gz)`;
    throw new Error(`The folder ${path} has no bundle. Expected ${expected}.`);
  }
  return found;
}

async function bundlesBelow(directory: string): Promise<FoundBundle[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  if (entries.some((entry) => entry.isFile() && configFiles.includes(entry.name)))
    return [{ path: directory, read: () => packFolder(directory) }];
  const found: FoundBundle[] = [];
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) found.push(...(await bundlesBelow(path)));
    else if (entry.isFile() && archiveName.test(entry.name)) found.push({ path, read: () => readFile(path) });
  }
  return found;
}

async function packFolder(directory: string): Promise<Buffer> {
  const folder = basename(resolve(directory));
  const archive = pack();
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { mode } = await stat(path);
    const name = [folder, ...relative(directory, path).split(/[\\/]/)].join('/');
    archive.entry({ name, mode: mode & 0o777 }, await readFile(path));
  }
  archive.finalize();
  return buffer(archive);
}
