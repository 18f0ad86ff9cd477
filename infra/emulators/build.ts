import { execFile } from 'node:child_process';
import { chmod, copyFile, glob, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';

/*
 * `npm run build -w fleet-emulators`: builds the package for use outside this repository, as JavaScript in dist/.
 *
 * In the repository Node runs the TypeScript sources. It does not run TypeScript below node_modules, so an installed package
 * needs JavaScript. dist/ is a whole package with its own package.json. Its libraries are bundled: it has no dependencies.
 */

const directory = import.meta.dirname;
const dist = join(directory, 'dist');

interface Manifest {
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string>>;
  readonly [member: string]: unknown;
}

async function buildPackage(): Promise<void> {
  const manifest = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as Manifest;
  await rm(dist, { recursive: true, force: true });
  await build({
    absWorkingDir: directory,
    entryPoints: [...(await Array.fromAsync(glob('bin/*.ts', { cwd: directory }))), ...librariesOf(manifest)].sort(),
    outdir: dist,
    outbase: '.',
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  await emitDeclarations();
  for (const file of ['README.md', 'LICENSE', 'dps/redirect.cjs'])
    await copyFile(join(directory, file), join(dist, file));
  for (const file of Object.values(manifest.bin)) await chmod(join(dist, toJavaScript(file)), 0o755);
  await writeFile(join(dist, 'package.json'), `${JSON.stringify(builtManifest(manifest), undefined, 2)}\n`);
}

const toJavaScript = (path: string) => path.replace(/\.ts$/, '.js');

/** The files that `exports` names, except the programs and what is not TypeScript. */
function librariesOf({ exports }: Manifest): string[] {
  return Object.values(exports).filter((path) => path.endsWith('.ts') && !path.includes('*'));
}

function builtManifest({ name, version, description, license, bin, exports, type }: Manifest) {
  return {
    ...{ name, version, description, license, type },
    engines: { node: '>=24' },
    bin: mapValues(bin, toJavaScript),
    exports: mapValues(exports, (path) =>
      path.endsWith('.ts') ? { types: path.replace(/\.ts$/, '.d.ts'), default: toJavaScript(path) } : path,
    ),
  };
}

function mapValues<To>(record: Readonly<Record<string, string>>, map: (value: string) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}

async function emitDeclarations(): Promise<void> {
  const options = ['--declaration', '--emitDeclarationOnly', '--noEmit', 'false', '--rootDir', '.', '--outDir', 'dist'];
  const compiler = fileURLToPath(import.meta.resolve('typescript/bin/tsc'));
  await promisify(execFile)(process.execPath, [compiler, '--project', 'tsconfig.json', ...options], { cwd: directory });
}

if (process.argv.includes('--refuse-sources')) {
  process.stderr.write(
    'Node does not run TypeScript below node_modules. Pack the built package:\n' +
      '  npm run build -w fleet-emulators\n  npm pack ./infra/emulators/dist\n',
  );
  process.exitCode = 1;
} else {
  await buildPackage();
}
