import { bundleFunctions } from './bundle-functions.ts';

/** `npm run build`: bundles the functions into dist/, for the local host and for `func start`. See `main` in package.json. */
export async function buildApp(): Promise<void> {
  const started = performance.now();
  const { bytes } = await bundleFunctions('dist');
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const megabytes = (bytes / 1024 / 1024).toFixed(1);
  process.stderr.write(`Built the functions, ${megabytes} MB, in ${seconds} s.\n`);
}

if (import.meta.main) await buildApp();
