import type { Issue } from '../../lib/errors.ts';

/**
 * The oldest Node.js on which the app runs, also on a machine where `func start` takes the one of the path. 22.10 has
 * `X509Certificate.validToDate` (https://nodejs.org/api/crypto.html#x509validtodate), which no older line has. 22.12 is what the command
 * line needs too, so that there is one number. `engines` of package.json and the target of the bundle are the same.
 */
export const oldestNode = '22.12';

/** @param version such as `22.12.0` @returns what is wrong with it, if anything */
export function nodeIssue(version: string): Issue | undefined {
  if (isAtLeast(version, oldestNode)) return undefined;
  const message = `is ${version}; expected ${oldestNode} or newer. Start the host with a newer Node.js in the path, or set the version of the function app`;
  return { path: 'Node.js', message };
}

function isAtLeast(version: string, oldest: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = oldest.split('.').map(Number);
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}
