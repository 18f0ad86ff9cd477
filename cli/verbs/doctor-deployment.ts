import { readFile } from 'node:fs/promises';
import type { Check } from '../doctor-check.ts';

/*
 * What `fleet doctor --deployment` adds: the deployment as Azure Resource Manager shows it, and whether its package is the one built here.
 */

/** @param group resource id of the resource group */
export async function* outsideChecks(group: string, now: Date): AsyncGenerator<Check> {
  // Loaded when it is asked for: the library of credentials takes longer to load than the other checks take.
  const [{ DefaultAzureCredential }, { createResourceManager }, { deploymentChecks }] = await Promise.all([
    import('@azure/identity'),
    import('../operator/resource-manager.ts'),
    import('../operator/deployment/checks.ts'),
  ]);
  yield* deploymentChecks(createResourceManager({ credential: new DefaultAzureCredential() }), group, now);
}

/**
 * Compares the package of the app with that of this folder. The version is that of the release, and an old package can have it too.
 * @param deployed `packageDigest` of GET /api/me
 * @param folder of the package, as `npm run package` makes it
 */
export async function packageCheck(deployed: string | undefined, folder = 'dist/package'): Promise<Check> {
  const name = 'package';
  const deploy = 'Run npm run package, and deploy it: azd deploy.';
  if (deployed === undefined) {
    const found = 'the app does not say which package it is: it runs from source, or is of an earlier version';
    return { name, state: 'warning', found, fix: deploy };
  }
  const built = await digestIn(folder);
  if (built === undefined) {
    const found = `the app is package ${deployed}, and none is built here to compare it with`;
    return { name, state: 'warning', found, fix: 'Run npm run package in a clone of the commit that was deployed.' };
  }
  if (built === deployed) return { name, state: 'ok', found: `${deployed}, as built here` };
  return {
    name,
    state: 'FAULT',
    found: `the app is package ${deployed}, and the one built here is ${built}`,
    fix: deploy,
  };
}

async function digestIn(folder: string): Promise<string | undefined> {
  const text = await readFile(`${folder}/package.json`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const { packageDigest } = JSON.parse(text) as { packageDigest?: string };
  return packageDigest;
}
