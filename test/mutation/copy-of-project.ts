import { mkdirSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';

/**
 * Gives a copy of the project the packages of the project. A workspace, such as `fleet-emulators`, is one of the copy: a test
 * that imports it by its name has to run the mutated code.
 * @param packages the node_modules of the project
 * @param copied the node_modules of the copy, which is made
 */
export function linkPackages(packages: string, copied: string): void {
  mkdirSync(copied);
  for (const entry of readdirSync(packages, { withFileTypes: true })) {
    const path = join(packages, entry.name);
    // npm links a workspace by a relative path.
    symlinkSync(entry.isSymbolicLink() ? readlinkSync(path) : path, join(copied, entry.name));
  }
}

// Stryker runs this in its copy of the project, .mutation/sandbox/sandbox-<random>.
if (import.meta.main) {
  linkPackages(resolve('../../../node_modules'), resolve('node_modules'));
  // Tests of whole runs start the built app. It needs packages, so it is loaded when they are there.
  const { buildApp } = await import('../../infra/build.ts');
  await buildApp();
}
