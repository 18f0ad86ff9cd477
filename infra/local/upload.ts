import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { BlobServiceClient } from '@azure/storage-blob';
import { manifestDefaults } from '../../lib/manifest/manifest.ts';
import { findStack } from './stack/running-stack.ts';

/*
 * `npm run upload -- FILE [--group ID]`: uploads a manifest to blob storage of the local stack, as any tool does with the
 * connection string. The group applies to rows that name none.
 */

try {
  const { file, group } = readArguments();
  const name = group === undefined ? basename(file) : `${group}/${basename(file)}`;
  // Event Grid's filter ignores other names, so such an upload would have no effect. Refuse it here.
  manifestDefaults(name);
  const body = await readFile(file);
  const { storageConnectionString } = await findStack();
  const manifests = BlobServiceClient.fromConnectionString(storageConnectionString).getContainerClient('manifests');
  await manifests.getBlockBlobClient(name).upload(body, body.length);
  process.stdout.write(`Uploaded ${body.length} bytes as manifests/${name}. GET /api/jobs shows its job first.\n`);
} catch (error) {
  const { message, hint } = error as Error & { hint?: string };
  process.stderr.write(`error: ${message}${hint === undefined ? '' : ` ${hint}`}\n`);
  process.exitCode = 1;
}

function readArguments(): { file: string; group?: string } {
  try {
    const { values, positionals } = parseArgs({ options: { group: { type: 'string' } }, allowPositionals: true });
    const [file, ...more] = positionals;
    if (file !== undefined && more.length === 0) return { ...values, file };
  } catch (error) {
    process.stderr.write(`error: ${(error as Error).message}\n`);
  }
  process.stderr.write('Usage: npm run upload -- FILE [--group ID]\n');
  process.exit(2);
}
