import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createFileSecretStore } from '../../../lib/events/file-secret-store.ts';
import { assertEvery } from '../../assert-every.ts';
import { secretStoreContract } from '../../contract/secret-store.ts';

const parent = mkdtempSync(join(tmpdir(), 'fleet-secrets-'));
const directory = join(parent, 'webhook-secrets');
after(() => rmSync(parent, { recursive: true }));

secretStoreContract('files', () => createFileSecretStore({ directory }));

describe('a file of a secret', () => {
  it('is for its owner only, and nothing else is left beside it', { skip: process.platform === 'win32' }, async () => {
    const store = createFileSecretStore({ directory });
    await store.set('webhook-modes', 'whsec_some');
    assert.equal(statSync(join(directory, 'webhook-modes')).mode & 0o777, 0o600);
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    assertEvery(readdirSync(directory), (name) => !name.endsWith('.tmp'));
  });

  for (const name of ['../outside', '.hidden', 'a/b', '', 'x'.repeat(200)]) {
    it(`has no name like ${JSON.stringify(name.slice(0, 20))}`, async () => {
      await assert.rejects(createFileSecretStore({ directory }).set(name, 'whsec_some'), { code: 'internal' });
    });
  }
});
