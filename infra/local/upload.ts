import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';
import { jobIdOf } from '../../lib/jobs/job.ts';
import { requireFormat } from '../../lib/manifest/formats.ts';
import { runCommand } from '../tools/command-line.ts';
import { findStack } from './stack/running-stack.ts';

/*
 * `npm run upload -- FILE [--group ID]`: uploads a manifest to blob storage of the local stack, as any tool does with the
 * connection string.
 */

const usage = `Usage: npm run upload -- FILE [--group ID]

Uploads a manifest to the running local stack (npm start) and prints the id of its job.

  FILE         a manifest, .csv, .ndjson or .jsonl
  --group ID   enrollment group of the rows that name none (default: every row names its group)
  -h, --help   show this text

Exit codes: 0 uploaded, 1 failure, 2 invalid command line.

Example: npm run upload -- samples/gateways.csv --group line7`;

await runCommand(
  { usage, operands: ['FILE'], options: { group: { type: 'string' } } },
  async ({ values, operands }) => {
    const [file = ''] = operands;
    const { group } = values;
    const name = group === undefined ? basename(file) : `${group}/${basename(file)}`;
    // Another name would make a failed job. Refuse it here.
    requireFormat(name);
    const body = await readFile(file);
    const { storageConnectionString, urls, functionsKey } = await findStack();
    const manifests = BlobServiceClient.fromConnectionString(storageConnectionString).getContainerClient('manifests');
    const { etag } = await manifests.getBlockBlobClient(name).upload(body, body.length);
    process.stdout.write(`Uploaded ${body.length} bytes as manifests/${name}.\n`);
    if (etag === undefined) throw new Error('The storage service returned no ETag. GET /api/jobs lists the job.');
    const jobId = jobIdOf({ blob: name, etag: bare(etag) });
    process.stdout.write(`Its job is ${jobId}. The job appears within seconds:
  curl ${urls.functions}/api/jobs/${jobId} -H "x-functions-key: ${functionsKey}"\n`);
    return 0;
  },
);

/** The ETag as Event Grid announces it: without the quotes of HTTP (RFC 9110, section 8.8.3). */
function bare(etag: string): string {
  return etag.replace(/^"(.*)"$/, '$1');
}
