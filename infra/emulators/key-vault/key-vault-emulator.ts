import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as timer } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { type KeptKey, rsaBits } from './key-material.ts';
import { createKeyRing } from './key-ring.ts';
import { addKeyRoutes } from './key-routes.ts';
import { documentedLimits, type KeyVaultEmulatorOptions, type TransactionLimits, type VaultAction } from './options.ts';
import { addSecretRoutes } from './secret-routes.ts';
import { VaultError } from './vault-error.ts';
import { createWeightedLimit } from './weighted-limit.ts';

export { documentedLimits, type KeyVaultEmulatorOptions, type TransactionLimits, type VaultAction } from './options.ts';

export interface KeyVaultEmulator {
  /** Listens on 127.0.0.1. @param port 0 takes a free one */
  listen(port: number): Promise<{ port: number; url: string }>;
  close(): Promise<void>;
}

/** 7.x, and later versions that are dates. Earlier versions have a different answer format. */
const apiVersion = /^(7\.\d|20\d\d-\d\d-\d\d)(-preview\.\d)?$/;

/**
 * Creates an emulator of the keys of an Azure Key Vault. The README says what it does not emulate.
 * @example const emulator = createKeyVaultEmulator({ tls: await ensureLocalTls({ directory }) }); await emulator.listen(8444);
 */
export function createKeyVaultEmulator({
  tls,
  directory,
  bearerTokens = 'any',
  denied = [],
  sku = 'premium',
  limits = {},
  delayMs = 0,
  pageSize = 25,
  now = () => new Date(),
  sleep = timer,
}: KeyVaultEmulatorOptions): KeyVaultEmulator {
  const allowed = { ...documentedLimits, ...limits };
  const limited = () => createWeightedLimit({ windowMs: 10_000, now });
  const sums = { create: limited(), import: limited(), other: limited() };

  function admit(action: VaultAction, key?: Partial<KeptKey>): void {
    if (sku === 'standard' && key?.hsm === true && (action === 'create' || action === 'import')) {
      // The wording is the vault's: https://github.com/Azure/azure-sdk-for-net/issues/6551. The status is from a report that calls it
      // "Forbidden": https://github.com/MicrosoftDocs/azure-docs/issues/34948
      throw new VaultError(403, 'Forbidden', 'Hardware key operation not allowed on standard vault');
    }
    if (denied.includes(action)) {
      const message = `Caller is not authorized to perform action on resource. Action: 'Microsoft.KeyVault/vaults/keys/${action}'`;
      throw new VaultError(403, 'Forbidden', message, { inner: 'ForbiddenByRbac' });
    }
    const sum = action === 'create' || action === 'import' ? sums[action] : sums.other;
    const seconds = sum.acquire(allowed[limitOf(action, key)]);
    if (seconds === 0) return;
    const message =
      'Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached';
    throw new VaultError(429, 'Throttled', message, { headers: { 'retry-after': String(seconds) } });
  }

  const app = new Hono();
  app.use(async (context, next) => {
    if (delayMs > 0) await sleep(delayMs);
    const token = /^Bearer (\S+)$/.exec(context.req.header('authorization') ?? '')?.[1];
    if (token === undefined || (bearerTokens !== 'any' && !bearerTokens.includes(token))) throw challenge(token);
    if (!apiVersion.test(context.req.query('api-version') ?? '')) {
      throw new VaultError(400, 'BadParameter', 'api-version must be specified');
    }
    await next();
  });
  addKeyRoutes(app, { ring: createKeyRing(directory), admit, pageSize, now });
  addSecretRoutes(app, { directory, now });
  app.notFound(() => new VaultError(404, 'NotFound', 'There is nothing at this path.').toResponse());
  app.onError((error) => {
    if (error instanceof VaultError) return error.toResponse();
    process.stderr.write(`${error.stack}\n`);
    return new VaultError(500, 'InternalError', 'Internal server error.').toResponse();
  });

  const listener = getRequestListener(app.fetch);
  const options = { key: tls.keyPem, cert: tls.certPem, minVersion: 'TLSv1.2' as const };
  const server = createServer(options, (request, response) => void listener(request, response));
  return {
    async listen(port) {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      const actual = (server.address() as AddressInfo).port;
      return { port: actual, url: `https://localhost:${actual}` };
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The limit that a transaction counts towards. */
function limitOf(action: VaultAction, { key, hsm = false }: Partial<KeptKey> = {}): keyof TransactionLimits {
  if (action === 'create') return hsm ? 'hsmCreations' : 'creations';
  if (action === 'import') return 'imports';
  const bits = key?.kty === 'RSA' ? rsaBits(key) : 0;
  if (bits > 3072) return hsm ? 'hsmRsa4096' : 'rsa4096';
  if (bits > 2048) return hsm ? 'hsmRsa3072' : 'rsa3072';
  return hsm ? 'hsm' : 'others';
}

/** Tells clients where to get a token. They send their first request without a token and without a body. */
function challenge(token: string | undefined): VaultError {
  const authorization = 'https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000';
  const headers = { 'www-authenticate': `Bearer authorization="${authorization}", resource="https://vault.azure.net"` };
  const message =
    token === undefined
      ? 'AKV10000: Request is missing a Bearer or PoP token.'
      : 'AKV10032: Invalid issuer or token; this token is not accepted here.';
  return new VaultError(401, 'Unauthorized', message, { headers });
}
