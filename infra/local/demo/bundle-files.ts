import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, normalize, sep } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { readTar } from '../../../lib/bundle/tar.ts';

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

/**
 * Reads the bundle of a device that can register with it.
 * @param bundle .tar or .tar.gz
 * @throws Error that says what the file is instead: not a bundle, encrypted, or without a private key
 */
export async function registrableBundle(bundle: Buffer): Promise<{ deviceId: string; files: BundleFiles }> {
  // A sealed bundle is CMS: DER begins with a SEQUENCE (30), PEM with dashes.
  if (bundle[0] === 0x30 || bundle.subarray(0, 5).equals(Buffer.from('-----')))
    throw new Error('The bundle is sealed. Decrypt it first: openssl cms -decrypt. docs/bundles.md shows how.');
  const [first] = readTar(bundle);
  const deviceId = first?.path.split('/')[0];
  if (deviceId === undefined) throw new Error('The file is empty. Expected a bundle (.tar.gz).');
  const files = await readBundle(isGzip(bundle) ? bundle : gzipSync(bundle));
  if ([...files.values()].every(({ body }) => !body.includes('PRIVATE KEY-----'))) {
    throw new Error(
      `The bundle of ${deviceId} has no private key, because only the device has it (key custody "device"). Register it from the device.`,
    );
  }
  return { deviceId, files };
}

function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
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
