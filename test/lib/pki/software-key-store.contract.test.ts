import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { createSoftwareKeyStore } from '../../../lib/pki/software-key-store.ts';
import { keyStoreContract } from '../../contract/key-store.ts';

const directory = mkdtempSync(join(tmpdir(), 'fleet-keys-'));
after(() => rmSync(directory, { recursive: true, force: true }));
keyStoreContract('files', () => createSoftwareKeyStore({ directory: join(directory, 'ca') }), 'file');
