import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Context, Hono } from 'hono';
import { z } from 'zod';
import { newVersion } from './key-ring.ts';
import { badParameter, VaultError } from './vault-error.ts';

interface VaultSecret {
  readonly name: string;
  readonly version: string;
  readonly value: string;
  /** Seconds since 1970. */
  readonly created: number;
  /** Seconds since 1970. The name stays in use until the secret is purged, which this emulator does not do. */
  readonly deleted?: number;
}

const setting = z.object({ value: z.string().max(25_600) });
const nameSyntax = /^[0-9a-zA-Z-]{1,127}$/;

/**
 * The operations of https://learn.microsoft.com/rest/api/keyvault/secrets that set, read and delete a secret. A name has one
 * version: setting it again replaces the value.
 * @param directory of a file of mode 0600 with all secrets; undefined: in memory
 */
export function addSecretRoutes(
  app: Hono,
  { directory, now }: { directory?: string | undefined; now: () => Date },
): void {
  const secrets = createSecrets(directory);
  const seconds = () => Math.floor(now().getTime() / 1000);
  const nameOf = (context: Context) => {
    const name = (context.req.param('name') ?? '').toLowerCase();
    if (!nameSyntax.test(name)) throw badParameter(`The request URI contains an invalid name: ${name.slice(0, 130)}`);
    return name;
  };
  const live = (name: string): VaultSecret => {
    const secret = secrets.get(name);
    if (secret !== undefined && secret.deleted === undefined) return secret;
    throw new VaultError(404, 'SecretNotFound', `A secret with (name/id) ${name} was not found in this key vault.`);
  };
  const shown = (context: Context, { name, version, created }: VaultSecret) => {
    const id = `https://${context.req.header('host') ?? 'localhost'}/secrets/${name}/${version}`;
    return { id, attributes: { enabled: true, created, updated: created, recoveryLevel: 'Recoverable+Purgeable' } };
  };

  app.put('/secrets/:name', async (context) => {
    const name = nameOf(context);
    const parsed = setting.safeParse(await context.req.json().catch(() => undefined));
    if (!parsed.success) throw badParameter('The body has no value.');
    if (secrets.get(name)?.deleted !== undefined) {
      const message = `Secret ${name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret can only be recovered or purged.`;
      throw new VaultError(409, 'Conflict', message, { inner: 'ObjectIsDeletedButRecoverable' });
    }
    const secret = { name, version: newVersion(), value: parsed.data.value, created: seconds() };
    secrets.put(secret);
    return context.json({ value: secret.value, ...shown(context, secret) });
  });

  const read = (context: Context) => {
    const secret = live(nameOf(context));
    return context.json({ value: secret.value, ...shown(context, secret) });
  };
  // The SDK asks for the latest version with an empty one.
  app.get('/secrets/:name', read);
  app.get('/secrets/:name/', read);

  app.delete('/secrets/:name', (context) => {
    const secret = { ...live(nameOf(context)), deleted: seconds() };
    secrets.put(secret);
    const recoveryId = `https://${context.req.header('host') ?? 'localhost'}/deletedsecrets/${secret.name}`;
    return context.json({ recoveryId, deletedDate: secret.deleted, ...shown(context, secret) });
  });
}

function createSecrets(directory: string | undefined) {
  // Beside the folder of keys, whose files are keys.
  const folder = directory === undefined ? undefined : join(directory, 'secrets');
  const file = folder === undefined ? undefined : join(folder, 'all.json');
  const secrets = new Map<string, VaultSecret>();
  if (folder !== undefined && file !== undefined) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const secret of readSecrets(file)) secrets.set(secret.name, secret);
  }
  return {
    get: (name: string) => secrets.get(name),
    put(secret: VaultSecret) {
      secrets.set(secret.name, secret);
      if (file === undefined) return;
      writeFileSync(`${file}.new`, JSON.stringify([...secrets.values()]), { mode: 0o600, flush: true });
      renameSync(`${file}.new`, file);
    },
  };
}

function readSecrets(file: string): readonly VaultSecret[] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as VaultSecret[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
