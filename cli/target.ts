import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CliError, exitCodes, usageError } from './errors.ts';
import { type Profile, profilesPath, readProfiles } from './profiles.ts';

/** The deployment that a verb calls. */
export interface Target extends Profile {
  /** For people: the name of the profile, `--url`, or the local stack. */
  readonly name: string;
}

export interface TargetOptions {
  readonly profile?: string | undefined;
  readonly url?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Finds the deployment: an option, then the environment (FLEET_PROFILE, FLEET_URL), then the current profile, then the local
 * stack that runs in this folder. A key of a profile goes to the URL of that profile only.
 * @throws CliError when none is found
 */
export async function findTarget(options: TargetOptions, env: Environment): Promise<Target> {
  if (options.profile !== undefined && options.url !== undefined) {
    throw usageError('Give --profile or --url, not both: the key of a profile belongs to its URL.');
  }
  const byOption = options.profile !== undefined || options.url !== undefined;
  const name = byOption ? options.profile : env['FLEET_PROFILE'];
  const url = byOption ? options.url : env['FLEET_URL'];
  // A profile of the environment is meant more exactly than a URL beside it.
  if (name === undefined && url) return urlTarget(url, env, options.url === undefined ? 'FLEET_URL' : '--url');

  const path = profilesPath(env);
  const { current, profiles } = await readProfiles(path);
  const wanted = name ?? current;
  if (wanted !== undefined) {
    const found = Object.hasOwn(profiles, wanted) ? profiles[wanted] : undefined;
    if (found !== undefined) return withKey({ ...found, name: wanted }, env);
    const known = Object.keys(profiles).join(', ') || 'none';
    throw usageError(`There is no profile "${wanted}". There are: ${known}.`, 'Run fleet profile add NAME --url URL.');
  }
  const local = await localStack(env);
  if (local !== undefined) return local;
  throw new CliError(exitCodes.usage, 'Which deployment is meant is not known.', {
    hint: 'Run fleet profile add NAME --url URL, set FLEET_URL and FLEET_KEY, or start the local stack with npm start.',
  });
}

function urlTarget(url: string, env: Environment, name: string): Promise<Target> {
  const scope = env['FLEET_SCOPE'];
  if (scope) return withKey({ name, url, auth: 'entra', scope }, env);
  return withKey({ name, url, auth: 'key' }, env);
}

async function withKey(target: Target, env: Environment): Promise<Target> {
  const url = checkedUrl(target.url);
  if (target.auth !== 'key') {
    if (target.scope !== undefined) return { ...target, url };
    throw usageError(
      `The profile "${target.name}" has no scope to ask a token for.`,
      `Run fleet profile add again with --scope api://APP_ID/.default.`,
    );
  }
  const key = target.key ?? env['FLEET_KEY'];
  return { ...target, url, ...(key ? { key } : {}) };
}

/**
 * @returns the URL without a slash at its end, and without `/api`
 * @throws CliError unless it is https, or http to this machine: a key would be sent readable
 */
export function checkedUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.search !== '' || url.username !== '') {
    throw usageError(
      `"${text}" is not the URL of a deployment.`,
      'Expected a URL such as https://APP.azurewebsites.net',
    );
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw usageError(`${url.origin} would get the key without encryption.`, 'Use https.');
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '').replace(/\/api$/, '')}`;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** The stack of `npm start`, which writes its URL and key into LOCAL_DIR. Only an address of this machine is taken. */
async function localStack(env: Environment): Promise<Target | undefined> {
  const file = join(resolve(env['LOCAL_DIR'] ?? '.local'), 'stack.json');
  try {
    const { urls, functionsKey } = JSON.parse(await readFile(file, 'utf8'));
    const url = checkedUrl(String(urls.functions));
    if (!isLoopback(new URL(url).hostname)) return undefined;
    return { name: 'the local stack', url, auth: 'key', key: String(functionsKey) };
  } catch {
    // No stack has run in this folder.
    return undefined;
  }
}
