import { chmod, copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build, stop } from 'esbuild';
import { shellScripts } from './bundle-functions.ts';
import { notices, thirdPartyOf } from './third-party.ts';
import { runCommand } from './tools/command-line.ts';

const usage = `Usage: npm run package-cli -- [DIRECTORY]

Makes the npm package of the command line "fleet", with everything that it uses.

  [DIRECTORY]   folder of the package; it is deleted and created again (default: dist/cli)
  -h, --help    show this text

Exit codes: 0 made, 1 failure, 2 invalid command line.

Example: npm run package-cli && npm install --global ./dist/cli`;

/**
 * Makes the npm package: fleet.js and the chunks that it loads with a verb, a package.json with `bin` and without
 * dependencies, and the licenses of the libraries in it.
 * @param directory is deleted and created again
 * @returns bytes of all code
 */
export async function packageCli(directory: string): Promise<number> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const { metafile } = await build({
    entryPoints: ['cli/fleet.ts'],
    outdir: directory,
    chunkNames: 'lib/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    // Shorter text is parsed sooner. Names stay, for error messages.
    minify: true,
    keepNames: true,
    metafile: true,
    plugins: [shellScripts],
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'warning',
  }).finally(stop);
  await chmod(join(directory, 'fleet.js'), 0o755);
  const { name, version, description, license, type, engines } = JSON.parse(await readFile('cli/package.json', 'utf8'));
  const manifest = {
    name,
    version,
    description,
    license,
    type,
    engines,
    bin: { fleet: 'fleet.js' },
    files: ['fleet.js', 'lib', 'THIRD-PARTY-NOTICES.txt'],
  };
  await writeFile(join(directory, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  await copyFile('LICENSE', join(directory, 'LICENSE'));
  await copyFile('docs/cli.md', join(directory, 'README.md'));
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.keys(output.inputs));
  await writeFile(join(directory, 'THIRD-PARTY-NOTICES.txt'), notices(await thirdPartyOf([...new Set(inputs)].sort())));
  return Object.values(metafile.outputs).reduce((sum, { bytes }) => sum + bytes, 0);
}

if (import.meta.main) {
  await runCommand({ usage, operands: ['[DIRECTORY]'] }, async ({ operands }) => {
    const directory = resolve(operands[0] ?? 'dist/cli');
    const bytes = await packageCli(directory);
    process.stdout.write(`${directory}: ${(bytes / 1024 / 1024).toFixed(1)} MB of code.\n`);
    return 0;
  });
}
