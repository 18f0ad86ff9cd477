import type { Context, Hono } from 'hono';
import { z } from 'zod';
import {
  importedKey,
  isHsmType,
  type KeptKey,
  newKey,
  type PrivateJwk,
  publicPart,
  signDigest,
} from './key-material.ts';
import { type KeyRing, type KeyVersion, newVersion, type VaultKey } from './key-ring.ts';
import type { VaultAction } from './options.ts';
import { badParameter, keyNotFound, VaultError } from './vault-error.ts';

export interface KeyRouteParts {
  readonly ring: KeyRing;
  /** Checks that the action is allowed and within the limits. @throws VaultError 403 or 429 */
  readonly admit: (action: VaultAction, key?: Partial<KeptKey>) => void;
  readonly pageSize: number;
  readonly now: () => Date;
}

const attributes = z.object({ enabled: z.boolean().optional(), exportable: z.boolean().optional() }).optional();
const tags = z.record(z.string(), z.string()).optional();
const operations = z.array(z.enum(['sign', 'verify', 'encrypt', 'decrypt', 'wrapKey', 'unwrapKey'])).optional();
const creation = z.object({
  kty: z.string(),
  crv: z.string().optional(),
  key_size: z.int().optional(),
  key_ops: operations,
  attributes,
  tags,
});
const importing = z.object({
  key: z.looseObject({ kty: z.string(), key_ops: operations }),
  Hsm: z.boolean().optional(),
  attributes,
  tags,
});
const update = z.object({ key_ops: operations, attributes, tags });
const signing = z.object({ alg: z.string(), value: z.base64url() });

const nameSyntax = /^[0-9a-zA-Z-]{1,127}$/;
const daysUntilPurge = 90;
const day = 86_400;

/** The operations of https://learn.microsoft.com/rest/api/keyvault/keys that a CA and its operator need. */
export function addKeyRoutes(app: Hono, { ring, admit, pageSize, now }: KeyRouteParts): void {
  const seconds = () => Math.floor(now().getTime() / 1000);
  const nameOf = (context: Context) => {
    const name = context.req.param('name') ?? '';
    if (!nameSyntax.test(name)) throw badParameter(`The request URI contains an invalid name: ${name.slice(0, 130)}`);
    return name;
  };
  const live = (name: string): VaultKey => {
    const key = ring.get(name);
    if (key === undefined || key.deleted !== undefined) throw keyNotFound(name);
    return key;
  };
  const deleted = (name: string): VaultKey & { deleted: number } => {
    const { deleted: at, ...key } = ring.get(name) ?? {};
    if (at === undefined) throw new VaultError(404, 'KeyNotFound', `Deleted Key not found: ${name}`);
    return { ...(key as VaultKey), deleted: at };
  };
  const versionOf = (context: Context): { key: VaultKey; version: KeyVersion } => {
    const key = live(nameOf(context));
    const wanted = context.req.param('version') ?? '';
    const version = wanted === '' ? key.versions.at(-1) : key.versions.find((each) => each.version === wanted);
    if (version === undefined) throw keyNotFound(`${key.name}/${wanted}`);
    return { key, version };
  };

  /** Adds a version to a key, or creates the key. */
  function add(
    name: string,
    made: Pick<KeyVersion, 'key' | 'hsm' | 'keyOps' | 'enabled' | 'exportable' | 'tags'>,
    origin: string,
  ) {
    const before = ring.get(name);
    const at = seconds();
    const version: KeyVersion = { ...made, version: newVersion(), created: at, updated: at };
    const key = { name: before?.name ?? name, versions: [...(before?.versions ?? []), version] };
    ring.put(key);
    return show(key, version, origin);
  }

  function refuseDeleted(name: string): void {
    if (ring.get(name)?.deleted === undefined) return;
    const message = `Key ${name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the key can only be recovered or purged.`;
    throw new VaultError(409, 'Conflict', message, { inner: 'ObjectIsDeletedButRecoverable' });
  }

  app.post('/keys/:name/create', async (context) => {
    const name = nameOf(context);
    const { kty, crv, key_size, key_ops, attributes: wanted, tags } = await bodyOf(context, creation);
    const hsm = isHsmType(kty);
    admit('create', { hsm });
    refuseDeleted(name);
    const key = await newKey({ kty, crv, key_size });
    // The key may have been deleted in the meantime.
    refuseDeleted(name);
    return context.json(add(name, { key, hsm, tags, ...settings(key, key_ops, wanted) }, originOf(context)));
  });

  app.put('/keys/:name', async (context) => {
    const name = nameOf(context);
    const { key: jwk, Hsm: hsm = false, attributes: wanted, tags } = await bodyOf(context, importing);
    admit('import', { hsm });
    refuseDeleted(name);
    const key = importedKey(jwk);
    return context.json(add(name, { key, hsm, tags, ...settings(key, jwk.key_ops, wanted) }, originOf(context)));
  });

  const read = (context: Context) => {
    const { key, version } = versionOf(context);
    admit('read', version);
    if (!version.enabled)
      throw new VaultError(403, 'Forbidden', 'Operation get is not allowed on a disabled key.', {
        inner: 'KeyDisabled',
      });
    return context.json(show(key, version, originOf(context)));
  };

  app.get('/keys/:name/versions', (context) => {
    admit('read');
    const name = nameOf(context);
    const key = ring.get(name);
    const versions = key?.deleted === undefined ? (key?.versions ?? []) : [];
    // The vault documents no order. Newest first shows clients that rely on the opposite.
    const items = versions.toReversed().map((version) => item(key?.name ?? name, version, originOf(context), true));
    return context.json(pageOf(items, context, pageSize));
  });

  app.get('/keys/:name/:version', read);
  app.get('/keys/:name/', read);
  app.get('/keys/:name', read);

  app.get('/keys', (context) => {
    admit('read');
    const keys = ring.all().filter((key) => key.deleted === undefined);
    const items = keys.flatMap((key) =>
      key.versions.slice(-1).map((version) => item(key.name, version, originOf(context), false)),
    );
    return context.json(pageOf(items, context, pageSize));
  });

  app.patch('/keys/:name/:version', async (context) => {
    const { key, version } = versionOf(context);
    admit('update', version);
    const { key_ops, attributes: wanted, tags } = await bodyOf(context, update);
    const changed: KeyVersion = {
      ...version,
      keyOps: key_ops ?? version.keyOps,
      enabled: wanted?.enabled ?? version.enabled,
      tags: tags ?? version.tags,
      updated: seconds(),
    };
    const after = { ...key, versions: key.versions.map((each) => (each === version ? changed : each)) };
    ring.put(after);
    return context.json(show(after, changed, originOf(context)));
  });

  const signDigestOf = async (context: Context) => {
    const { key, version } = versionOf(context);
    admit('sign', version);
    if (!version.enabled)
      throw new VaultError(403, 'Forbidden', 'Operation sign is not allowed on a disabled key.', {
        inner: 'KeyDisabled',
      });
    if (!version.keyOps.includes('sign')) {
      const message = 'Operation "sign" is not permitted on this key: its key_ops do not name it.';
      throw new VaultError(403, 'Forbidden', message, { inner: 'KeyOperationForbidden' });
    }
    const { alg, value } = await bodyOf(context, signing);
    const signature = signDigest(version.key, alg, Buffer.from(value, 'base64url'));
    return context.json({ kid: kidOf(key.name, version, originOf(context)), value: signature.toString('base64url') });
  };
  app.post('/keys/:name/:version/sign', signDigestOf);
  // Without a version the newest one is used. The SDK then sends an empty segment.
  app.post('/keys/:name//sign', signDigestOf);
  app.post('/keys/:name/sign', signDigestOf);

  app.delete('/keys/:name', (context) => {
    admit('delete');
    const gone = { ...live(nameOf(context)), deleted: seconds() };
    ring.put(gone);
    return context.json(showDeleted(gone, originOf(context)));
  });

  app.get('/deletedkeys/:name', (context) => {
    admit('read');
    return context.json(showDeleted(deleted(nameOf(context)), originOf(context)));
  });

  app.post('/deletedkeys/:name/recover', (context) => {
    admit('recover');
    const { deleted: _, ...key } = deleted(nameOf(context));
    ring.put(key);
    const version = key.versions.at(-1);
    return context.json(version === undefined ? {} : show(key, version, originOf(context)));
  });

  app.delete('/deletedkeys/:name', (context) => {
    admit('purge');
    ring.remove(deleted(nameOf(context)).name);
    return context.body(null, 204);
  });
}

/** Settings of a new key, with the defaults of the vault. */
function settings(key: PrivateJwk, keyOps: readonly string[] | undefined, wanted: z.output<typeof attributes>) {
  if (wanted?.exportable === true)
    throw badParameter('AKV.SKR.1000: A release policy is required for an exportable key.');
  const all = key.kty === 'EC' ? ['sign', 'verify'] : ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'];
  return { keyOps: keyOps ?? all, enabled: wanted?.enabled ?? true, exportable: false };
}

const originOf = (context: Context) => `https://${context.req.header('host') ?? 'localhost'}`;
const kidOf = (name: string, { version }: KeyVersion, origin: string) => `${origin}/keys/${name}/${version}`;

function show(key: VaultKey, version: KeyVersion, origin: string) {
  const { keyOps, tags } = version;
  const shown = { kid: kidOf(key.name, version, origin), ...publicPart(version), key_ops: keyOps };
  return { key: shown, attributes: attributesOf(version), ...(tags === undefined ? {} : { tags }) };
}

function attributesOf({ enabled, created, updated, exportable }: KeyVersion) {
  return {
    enabled,
    created,
    updated,
    recoveryLevel: 'Recoverable+Purgeable',
    recoverableDays: daysUntilPurge,
    exportable,
  };
}

function item(name: string, version: KeyVersion, origin: string, withVersion: boolean) {
  const kid = withVersion ? kidOf(name, version, origin) : `${origin}/keys/${name}`;
  return { kid, attributes: attributesOf(version), ...(version.tags === undefined ? {} : { tags: version.tags }) };
}

function showDeleted(key: VaultKey & { deleted: number }, origin: string) {
  const version = key.versions.at(-1);
  return {
    recoveryId: `${origin}/deletedkeys/${key.name}`,
    deletedDate: key.deleted,
    scheduledPurgeDate: key.deleted + daysUntilPurge * day,
    ...(version === undefined ? {} : show(key, version, origin)),
  };
}

/** One page and the URL of the next one. */
function pageOf<T>(
  items: readonly T[],
  context: Context,
  pageSize: number,
): { value: readonly T[]; nextLink: string | null } {
  const size = Math.min(Number(context.req.query('maxresults') ?? pageSize) || pageSize, pageSize);
  const from = Number(context.req.query('$skiptoken') ?? 0) || 0;
  const next = new URL(context.req.url);
  next.searchParams.set('$skiptoken', String(from + size));
  const nextLink = from + size < items.length ? `${originOf(context)}${next.pathname}${next.search}` : null;
  return { value: items.slice(from, from + size), nextLink };
}

async function bodyOf<T>(context: Context, syntax: z.ZodType<T>): Promise<T> {
  const parsed = syntax.safeParse(await context.req.json().catch(() => undefined));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw badParameter(`Property ${issue?.path.join('.') || '(body)'} is invalid: ${issue?.message}`);
}
