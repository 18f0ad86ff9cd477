import * as z from 'zod';
import { actorName } from '../../lib/access/act.ts';
import { type ManifestFormat, manifestFormats, mediaTypeOf } from '../../lib/manifest/formats.ts';
import { prepareUpload, readUploadState, type UploadState } from '../../lib/pipeline/prepared-upload.ts';
import { checkDigest, submissionQuery } from './jobs.ts';
import { defineOperation } from './operation.ts';
import { flag, word } from './parameters.ts';
import { time } from './schemas.ts';

const uploadSchema = z
  .object({
    uploadId: z.string(),
    status: z
      .enum(['waiting', 'received', 'submitted', 'expired'])
      .describe(
        '`waiting`: nothing was uploaded yet. `received`: the list is stored, and its job comes within seconds. `submitted`: it has a job. `expired`: nothing was uploaded in time, or the list was deleted.',
      ),
    blob: z.string().describe('Where the list is expected, in the container `manifests`.'),
    expiresAt: time.describe('The upload can begin until then.'),
    jobId: z.string().optional(),
    links: z.object({ self: z.string(), job: z.string().optional() }).describe('Paths.'),
  })
  .readonly()
  .meta({ id: 'Upload', description: 'A list that is uploaded to blob storage.' });

const uploadWithUrl = z
  .object({
    upload: uploadSchema,
    url: z
      .string()
      .describe('Signed: whoever has it can create this one blob, once, until `expiresAt`. No answer shows it again.'),
    headers: z.record(z.string(), z.string()).describe('Headers that the PUT to the URL needs.'),
    command: z.string().describe('The same for `curl`; put the name of the file in the place of LIST.'),
  })
  .readonly()
  .meta({ id: 'UploadWithUrl' });

const pathParameters = z.object({
  uploadId: z.string().regex(/^[0-9a-z-]{1,64}$/, { error: 'There is no such upload.' }),
});

function uploadView({ upload: { id, blob, expiresAt }, status, jobId }: UploadState): z.input<typeof uploadSchema> {
  const self = `/api/uploads/${id}`;
  const job = jobId === undefined ? {} : { job: `/api/jobs/${jobId}` };
  return { uploadId: id, status, blob, expiresAt, ...(jobId !== undefined && { jobId }), links: { self, ...job } };
}

/** What the storage needs besides the list itself (https://learn.microsoft.com/rest/api/storageservices/put-blob). */
function headersOf(format: ManifestFormat): Record<string, string> {
  return { 'x-ms-blob-type': 'BlockBlob', 'content-type': mediaTypeOf(format) };
}

const create = defineOperation({
  id: 'create-upload',
  method: 'POST',
  path: 'uploads',
  summary: 'Get an address to upload a manifest to',
  description:
    'For a list that is too long for `POST /api/jobs`: it goes straight to blob storage, and the caller needs no role there. The address is good for 15 minutes. The job begins when the upload has ended.',
  role: 'submitter',
  perGroup: true,
  query: submissionQuery.extend({
    check: checkDigest,
    dryRun: flag
      .optional()
      .describe('Check the list, as `POST /api/checks` does with a large one: its job ends as `checked`.'),
    format: word(manifestFormats)
      .optional()
      .meta({ description: 'How the list is written.', override: { default: 'csv' } }),
  }),
  answers: {
    201: {
      description: 'The address.',
      schema: uploadWithUrl,
      headers: { location: z.string().describe('Path of the upload.') },
    },
  },
  errors: ['not-found', 'forbidden'],
  async handle({ query: { enrollmentGroup: defaultGroup, ...query }, services, caller, note }) {
    const { format = 'csv', onConflict = 'reject', adopt, dryRun, check } = query;
    const request = { format, defaultGroup, onConflict, adopt, dryRun, check };
    const upload = await prepareUpload(request, services, actorName(caller));
    note({ upload: upload.id, blob: upload.blob });
    const url = await services.signUpload(upload.blob, new Date(upload.expiresAt));
    const headers = headersOf(format);
    const sent = Object.entries(headers).map(([name, value]) => `-H "${name}: ${value}"`);
    const command = ['curl --fail -T LIST', ...sent, `"${url}"`].join(' ');
    const view = uploadView({ upload, status: 'waiting' });
    return { status: 201, json: { upload: view, url, headers, command }, headers: { location: view.links.self } };
  },
});

const get = defineOperation({
  id: 'get-upload',
  method: 'GET',
  path: 'uploads/{uploadId}',
  summary: 'What became of an upload: its job',
  role: 'submitter',
  perGroup: true,
  pathParameters,
  answers: {
    200: {
      description: 'The upload. `retry-after` is there while it can still get a job.',
      schema: uploadSchema,
      headers: { 'retry-after': z.string().optional().describe('Seconds until it is worth asking again.') },
    },
  },
  errors: ['not-found', 'forbidden'],
  async handle({ path, services }) {
    const state = await readUploadState(path.uploadId, services);
    const isOpen = state.status === 'waiting' || state.status === 'received';
    const headers: Record<string, string> = isOpen ? { 'retry-after': '2' } : {};
    return { status: 200, json: uploadView(state), headers };
  },
});

export const uploadOperations = [create, get];
