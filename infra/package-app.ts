import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bundle, bundleFunctions } from './bundle-functions.ts';

/**
 * Makes the app that is deployed: the bundle with its source maps, host.json, and a package.json with `main` and without
 * dependencies.
 *
 * @param directory is deleted and created again
 */
export async function packageApp(directory: string): Promise<Bundle> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const bundle = await bundleFunctions(join(directory, 'dist'));
  await copyFile('host.json', join(directory, 'host.json'));
  const { name, version, license, type, main } = JSON.parse(await readFile('package.json', 'utf8'));
  const manifest = { name, version, license, private: true, type, main };
  await writeFile(join(directory, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return bundle;
}
