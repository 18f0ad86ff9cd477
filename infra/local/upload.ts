import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { BlobServiceClient } from '@azure/storage-blob';
import { findStack } from './stack/running-stack.ts';

/*
 * Uploads a manifest to the local stack, as any tool would that has the account's connection string:
 * `npm run upload -- FILE [--group ID]`. The group is for rows that name none.
 */

const { values, positionals } = parseArgs({ options: { group: { type: 'string' } }, allowPositionals: true });
const [file] = positionals;
if (file === undefined) {
  process.stderr.write('Usage: npm run upload -- FILE [--group ID]\n');
  process.exit(2);
}

try {
  const { storageConnectionString } = await findStack();
  const name = values.group === undefined ? basename(file) : `${values.group}/${basename(file)}`;
  const body = await readFile(file);
  const manifests = BlobServiceClient.fromConnectionString(storageConnectionString).getContainerClient('manifests');
  await manifests.getBlockBlobClient(name).upload(body, body.length);
  process.stdout.write(`Uploaded ${body.length} bytes as manifests/${name}. Its job is the newest of GET /api/jobs.\n`);
} catch (error) {
  process.stderr.write(`error: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
