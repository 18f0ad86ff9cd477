import { chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { CliError, exitCodes } from './errors.ts';

/*
 * The deployments that this user works with, in one file of mode 0600.
 */

/** How requests show who calls. `entra` tries the ways to sign in one after the other; the others name one. */
export const signIns = ['key', 'entra', 'azure-cli', 'azure-developer-cli', 'environment', 'device-code'] as const;
export type SignIn = (typeof signIns)[number];

export interface Profile {
  readonly url: string;
  readonly auth: SignIn;
  /** Function key. Absent: it comes from FLEET_KEY. */
  readonly key?: string;
  /** What a token is asked for, such as `api://APP_ID/.default`. */
  readonly scope?: string;
  /** Directory of the users, for a device code. */
  readonly tenant?: string;
}

export interface Profiles {
  /** The profile that is used when nothing else says which. */
  readonly current?: string;
  readonly profiles: Readonly<Record<string, Profile>>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @returns the path of the file: below XDG_CONFIG_HOME, or %APPDATA% on Windows */
export function profilesPath(env: Environment, platform: NodeJS.Platform = process.platform): string {
  const home = env['HOME'] ?? env['USERPROFILE'] ?? homedir();
  const folder =
    platform === 'win32'
      ? (env['APPDATA'] ?? join(home, 'AppData', 'Roaming'))
      : env['XDG_CONFIG_HOME'] || join(home, '.config');
  return join(folder, 'fleet', 'profiles.json');
}

/** @throws CliError when the file is damaged, or holds a key that others can read */
export async function readProfiles(path: string): Promise<Profiles> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { profiles: {} };
    throw new CliError(exitCodes.failed, `Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  const read = parseProfiles(text, path);
  const hasKey = Object.values(read.profiles).some(({ key }) => key !== undefined);
  if (hasKey && process.platform !== 'win32' && ((await stat(path)).mode & 0o077) !== 0) {
    const hint = `Run chmod 600 ${path}, and make a new key if others use this machine.`;
    throw new CliError(exitCodes.failed, `${path} holds a key, and other users can read it.`, { hint });
  }
  return read;
}

function parseProfiles(text: string, path: string): Profiles {
  try {
    const { current, profiles } = JSON.parse(text) as Profiles;
    const isWhole = Object.values(profiles).every(({ url, auth }) => typeof url === 'string' && signIns.includes(auth));
    if (isWhole) return { ...(typeof current === 'string' ? { current } : {}), profiles };
  } catch {
    // The message of the parser quotes the file, which can hold a key.
  }
  const hint = `Correct the file or delete it, then run fleet profile add.`;
  throw new CliError(exitCodes.failed, `${path} does not hold profiles.`, { hint });
}

/** Writes the file in one step, readable by its owner only. */
export async function writeProfiles(path: string, profiles: Profiles): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const next = `${path}.${process.pid}.tmp`;
  await writeFile(next, `${JSON.stringify(profiles, undefined, 2)}\n`, { mode: 0o600 });
  // The mode above counts for a new file only.
  await chmod(next, 0o600);
  await rename(next, path);
}
