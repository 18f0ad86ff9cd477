import { readFile } from 'node:fs/promises';

/**
 * The digest of the package that runs (infra/package-app.ts). The path fits the bundle too, whose files are as deep below package.json as
 * this one.
 * @returns undefined from source, where package.json has none
 */
export async function readPackageDigest(): Promise<string | undefined> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8').catch(() => '{}');
  const { packageDigest } = JSON.parse(text) as { packageDigest?: string };
  return packageDigest;
}
