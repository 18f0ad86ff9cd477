import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleConsole } from './bundle-console.ts';
import { type Bundle, bundleFunctions } from './bundle-functions.ts';
import { bom, notices, thirdPartyOf } from './third-party.ts';

/**
 * Makes the app that is deployed: the bundle with its source maps, the console, host.json, a package.json with `main` and without
 * dependencies, the licenses of the libraries in the bundle, and a list of them (bom.cdx.json, CycloneDX).
 *
 * @param directory is deleted and created again
 */
export async function packageApp(directory: string): Promise<Bundle> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const bundle = await bundleFunctions(join(directory, 'dist'));
  const consoleBundle = await bundleConsole(join(directory, 'dist/console'));
  await copyFile('host.json', join(directory, 'host.json'));
  const { name, version, license, type, main } = JSON.parse(await readFile('package.json', 'utf8'));
  const manifest = { name, version, license, private: true, type, main };
  await writeFile(join(directory, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  await copyFile('LICENSE', join(directory, 'LICENSE'));
  const libraries = await thirdPartyOf([...bundle.inputs, ...consoleBundle.inputs]);
  await writeFile(join(directory, 'THIRD-PARTY-NOTICES.txt'), notices(libraries));
  await writeFile(join(directory, 'bom.cdx.json'), bom({ name, version, license }, libraries));
  return bundle;
}
