import { createHash } from 'node:crypto';
import { copyFile, glob, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type App, type AppName, apps } from './apps.ts';
import { bundleConsole } from './bundle-console.ts';
import { type Bundle, bundleFunctions } from './bundle-functions.ts';
import { bom, notices, thirdPartyOf } from './third-party.ts';

/**
 * Makes the app that is deployed: the bundle with its source maps, its console, host.json, a package.json with `main` and without
 * dependencies and with the digest of all this, the licenses of the libraries in the bundle, and a list of them (bom.cdx.json,
 * CycloneDX).
 *
 * @param directory is deleted and created again
 */
export async function packageApp(directory: string, name: AppName = 'api'): Promise<Bundle> {
  const app: App = apps[name];
  await rm(directory, { recursive: true, force: true });
  const bundle = await makeApp(app, directory);
  const consoleBundle = app.hasConsole ? await bundleConsole(join(directory, 'dist/console')) : undefined;
  await copyFile('LICENSE', join(directory, 'LICENSE'));
  const { name: project, version, license } = JSON.parse(await readFile('package.json', 'utf8'));
  const libraries = await thirdPartyOf([...bundle.inputs, ...(consoleBundle?.inputs ?? [])]);
  await writeFile(join(directory, 'THIRD-PARTY-NOTICES.txt'), notices(libraries));
  await writeFile(join(directory, 'bom.cdx.json'), bom({ name: project, version, license }, libraries));
  await addDigest(directory);
  return bundle;
}

/** Hex digits of the digest. 64 bits tell packages apart; nobody has to be kept from forging one. */
const digestLength = 16;

/** Writes the digest of what the app runs into its package.json. The running app shows it at GET /api/me. */
export async function addDigest(directory: string): Promise<void> {
  const hash = createHash('sha256');
  const files = await Array.fromAsync(glob('{dist/**/*.*,host.json}', { cwd: directory }));
  for (const path of files.map((file) => file.replaceAll('\\', '/')).sort()) {
    hash.update(`${path}\n`).update(await readFile(join(directory, path)));
  }
  const path = join(directory, 'package.json');
  const manifest = {
    ...JSON.parse(await readFile(path, 'utf8')),
    packageDigest: hash.digest('hex').slice(0, digestLength),
  };
  await writeFile(path, `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Makes what a host needs to run the app: the bundle, host.json, and package.json. Replaces those that are there. */
export async function makeApp(
  { entryPoint, hostJson }: Pick<App, 'entryPoint' | 'hostJson'>,
  directory: string,
): Promise<Bundle> {
  await mkdir(directory, { recursive: true });
  const bundle = await bundleFunctions(join(directory, 'dist'), { entryPoint });
  await copyFile(hostJson, join(directory, 'host.json'));
  const { name, version, license, engines, type, main } = JSON.parse(await readFile('package.json', 'utf8'));
  const manifest = { name, version, license, private: true, engines, type, main };
  await writeFile(join(directory, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return bundle;
}
