import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { BlobServiceClient } from '@azure/storage-blob';
import { createBlobStore } from '../../../../lib/azure/blobs.ts';
import type { ChunkMessage } from '../../../../lib/jobs/messages.ts';
import { provisionChunk } from '../../../../lib/pipeline/provision-chunk.ts';
import { createWorld } from '../../../world.ts';

/*
 * A worker that provisions one chunk and then waits, so that its memory can be read. The pipeline, the certificates, the
 * bundles and the client of Blob Storage are the real ones.
 *
 * Arguments: a connection string, the name of an empty container, and a file with the PEM certificate of a recipient.
 */

const [, , connectionString = '', containerName = '', recipientFile = ''] = process.argv;
const bundles = createBlobStore(
  BlobServiceClient.fromConnectionString(connectionString).getContainerClient(containerName),
);

const startedAt = new Date();
using world = createWorld({ chunkRows: 50, now: () => startedAt });
const recipients = [readFileSync(recipientFile, 'utf8')];
await world.declare('plain', { keyCustody: 'plain', edgeCa: 'issued' });
await world.declare('sealed', { keyCustody: 'sealed', recipients });
await world.declare('plain-rsa', { keyCustody: 'plain', keyType: 'rsa-2048' });
await world.declare('sealed-rsa', { keyCustody: 'sealed', keyType: 'rsa-2048', recipients });
const groupOf = (row: number) => (row < 42 ? 'plain' : row < 48 ? 'sealed' : row === 48 ? 'plain-rsa' : 'sealed-rsa');
const rows = Array.from({ length: 50 }, (_, row) => `gw-${row + 10},${groupOf(row)}`);
await world.upload('list.csv', ['deviceId,enrollmentGroup', ...rows, ''].join('\n'));
await world.queue.shift()?.run();

/** One set of services, as a worker keeps it: its issuers and bundlers stay open. */
const services = world.services();
await provisionChunk(world.queue.shift()?.message as ChunkMessage, { ...services, bundles });

/** Texts that stay in memory in each form that a key could have, for the reader to find. */
const kept = ['one-byte string', 'two-byte string', 'buffer'].map((form) =>
  createHash('sha512').update(form).digest('base64'),
);
const [oneByte = '', twoBytes = '', octets = ''] = kept;
const control = [
  Buffer.from(oneByte).toString('latin1'),
  // One character that needs two bytes makes V8 store all of them so.
  Buffer.from(`${twoBytes}\u{20ac}`, 'utf16le').toString('utf16le'),
  Buffer.from(octets),
];

// Finalizers run in the event loop. They free the keys that OpenSSL holds for objects that were collected.
for (let time = 0; time < 3; time++) {
  globalThis.gc?.();
  await setTimeout(20);
}
process.stdout.write('ready\n');
process.stdin.resume();
await new Promise((resolve) => process.stdin.once('end', resolve));
if (control.length + kept.length + Object.keys(services).length === 0) throw new Error('They were kept until here.');
