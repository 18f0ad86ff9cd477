import crypto from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/*
 * Loaded into a Functions host before the app (NODE_OPTIONS=--import): writes every P-256 key that the app makes to the file
 * KEPT_KEYS, so that a test can look for it where it must not be. The app itself exports no such key.
 */

const file = process.env['KEPT_KEYS'];
const { generateKeyPairSync } = crypto;

function keeping(...given: readonly unknown[]): unknown {
  const pair = Reflect.apply(generateKeyPairSync, crypto, given) as { privateKey?: crypto.KeyObject };
  if (file !== undefined && given[0] === 'ec' && pair.privateKey instanceof crypto.KeyObject) {
    const { x, d } = pair.privateKey.export({ format: 'jwk' });
    appendFileSync(file, `${JSON.stringify({ pid: process.pid, x, d })}\n`);
  }
  return pair;
}

Object.assign(crypto, { generateKeyPairSync: keeping });
syncBuiltinESMExports();
