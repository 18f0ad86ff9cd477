import type { Context } from '../context.ts';
import { usageError } from '../errors.ts';
import type { Column } from '../output.ts';
import { type Profile, profilesPath, readProfiles, type SignIn, writeProfiles } from '../profiles.ts';
import { checkedUrl } from '../target.ts';
import { askSecret, readInput, type Terminal } from '../terminal.ts';

interface AddOptions {
  readonly auth: SignIn;
  readonly keyStdin?: true | undefined;
  /** False with --no-key. */
  readonly key: boolean;
  readonly scope?: string | undefined;
  readonly tenant?: string | undefined;
}

export async function addProfile(context: Context, name: string, options: AddOptions): Promise<undefined> {
  const { terminal, say } = context;
  if (context.options.url === undefined)
    throw usageError('--url URL is missing.', 'Such as --url https://APP.azurewebsites.net');
  if (!/^[\w.-]{1,64}$/.test(name))
    throw usageError(`"${name}" is not a name of a profile.`, 'Use letters, digits, ".", "_" and "-".');
  const { auth, scope, tenant } = options;
  const url = checkedUrl(context.options.url);
  if (auth !== 'key' && scope === undefined)
    throw usageError(`--auth ${auth} needs --scope, such as api://APP_ID/.default.`);
  const key = auth === 'key' && options.key ? await keyOf(terminal, options) : undefined;
  const profile: Profile = {
    url,
    auth,
    ...(key === undefined ? {} : { key }),
    ...(scope === undefined ? {} : { scope }),
    ...(tenant === undefined ? {} : { tenant }),
  };
  const path = profilesPath(terminal.env);
  const { current = name, profiles } = await readProfiles(path);
  await writeProfiles(path, { current, profiles: { ...profiles, [name]: profile } });
  say(`Added ${name} to ${path}.${current === name ? ' It is the current profile.' : ''}`);
  say(current === name ? 'next: fleet doctor' : `next: fleet profile use ${name}`);
  return undefined;
}

async function keyOf(terminal: Terminal, { keyStdin }: AddOptions): Promise<string> {
  if (!keyStdin && !terminal.isTerminal.stdin) {
    throw usageError('There is no terminal to ask for the key on.', 'Use --key-stdin, or --no-key with FLEET_KEY.');
  }
  const key = (keyStdin ? await readInput(terminal) : await askSecret(terminal, 'Function key: ')).trim();
  // A header of HTTP takes visible characters only.
  if (!/^[\x21-\x7e]{1,500}$/.test(key))
    throw usageError('This is not a function key.', 'Send the key alone, on one line.');
  return key;
}

export async function useProfile({ terminal, say }: Context, name: string): Promise<undefined> {
  const path = profilesPath(terminal.env);
  const { profiles } = await readProfiles(path);
  knownProfile(profiles, name);
  await writeProfiles(path, { current: name, profiles });
  say(`${name} is the current profile.`);
  return undefined;
}

export async function removeProfile({ terminal, say }: Context, name: string): Promise<undefined> {
  const path = profilesPath(terminal.env);
  const { current, profiles } = await readProfiles(path);
  knownProfile(profiles, name);
  const { [name]: _, ...others } = profiles;
  await writeProfiles(path, { ...(current === name || current === undefined ? {} : { current }), profiles: others });
  say(`Removed ${name}.`);
  return undefined;
}

function knownProfile(profiles: Readonly<Record<string, Profile>>, name: string): void {
  if (Object.hasOwn(profiles, name)) return;
  throw usageError(`There is no profile "${name}". There are: ${Object.keys(profiles).join(', ') || 'none'}.`);
}

interface Row {
  readonly name: string;
  readonly current: boolean;
  readonly url: string;
  readonly auth: SignIn;
  readonly key: 'stored' | 'FLEET_KEY' | undefined;
}

const columns: readonly Column<Row>[] = [
  { name: 'current', value: ({ current }) => (current ? '*' : '') },
  { name: 'name', value: ({ name }) => name },
  { name: 'url', value: ({ url }) => url },
  { name: 'auth', value: ({ auth }) => auth },
  { name: 'key', value: ({ key }) => key },
];

export async function listProfiles({ terminal, output, say }: Context): Promise<undefined> {
  const { current, profiles } = await readProfiles(profilesPath(terminal.env));
  const rows = Object.entries(profiles).map(([name, { url, auth, key }]): Row => {
    const place = key === undefined ? 'FLEET_KEY' : 'stored';
    return { name, current: name === current, url, auth, key: auth === 'key' ? place : undefined };
  });
  if (rows.length === 0) say('There is no profile yet.\nnext: fleet profile add NAME --url URL');
  await output.rows(columns, rows);
  return undefined;
}
