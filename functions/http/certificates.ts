import { stringify } from 'csv-stringify/sync';
import * as z from 'zod';
import { certificateKinds, certificateStates } from '../../lib/devices/certificate.ts';
import { deviceStatuses } from '../../lib/devices/device.ts';
import {
  allCertificates,
  type CertificateFilter,
  certificatePage,
  type HeldCertificate,
} from '../../lib/pipeline/list-certificates.ts';
import { prefersJson } from './accept.ts';
import { answeredRequest } from './device-view.ts';
import { defineOperation } from './operation.ts';
import { pageEnd, pageIn, pageQuery } from './pages.ts';
import { moment, past, word } from './parameters.ts';
import { streamed } from './response-stream.ts';
import { pageLinks, time } from './schemas.ts';

/** `line7` or `line7/2`. */
const ca = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?(?:\/[1-9]\d{0,5})?$/, 'a group, or a group, "/" and a generation')
  .optional()
  .describe('The issuing CA: a group, or a group and the generation of its CA: `line7/2`.');

const heldCertificate = z
  .object({
    deviceId: z.string(),
    deviceStatus: z.enum(deviceStatuses),
    kind: z.enum(certificateKinds),
    serialNumber: z.string(),
    sha1Thumbprint: z.string(),
    sha256Thumbprint: z.string(),
    notBefore: time,
    notAfter: time,
    enrollmentGroup: z.string().describe('The group whose CA issued it.'),
    caGeneration: z
      .int()
      .min(0)
      .optional()
      .describe('0: the CA for est-ids only. Absent where it was issued by an earlier version.'),
    delegatedCa: z
      .string()
      .optional()
      .describe('Serial number of the delegated CA that signed it, below that CA. Hex.'),
    keyMadeBy: z.enum(['device', 'service']).optional(),
    state: z.enum(certificateStates).describe('Now.'),
    since: time.describe('When the state became so.'),
    confirmedAt: time.optional(),
    assignedHub: z.string().optional(),
    request: answeredRequest.optional(),
  })
  .meta({ id: 'HeldCertificate' });

const listCertificates = defineOperation({
  id: 'list-certificates',
  method: 'GET',
  path: 'certificates',
  summary: 'Which devices hold a certificate of a CA',
  description:
    'Certificates that were valid at a time and not revoked by then, with their devices: for a report on an incident. A certificate whose CA or key is not recorded (issued by an earlier version) is included.',
  role: 'reader',
  perGroup: false,
  query: z.object({
    ...pageQuery,
    ca,
    issuedFrom: past.optional().describe('Issued at this time or later, by the beginning of its validity.'),
    issuedTo: past.optional().describe('Issued before this time.'),
    custody: word(['device', 'service'])
      .optional()
      .describe('Who made the key. `service`: this app, so that the key was in a bundle.'),
    asOf: moment.optional().describe('The time at which it was valid. Default: now.'),
    format: word(['csv', 'json'])
      .optional()
      .describe('Default: JSON, unless the header Accept prefers CSV. CSV has all certificates.'),
  }),
  headers: z.object({ accept: z.string().optional() }),
  answers: {
    200: {
      description:
        'CSV: all of them, while they are read. JSON: one page, which can be empty and have a `next`: it ends after 20,000 devices.',
      schema: z
        .object({ certificates: z.array(heldCertificate).readonly(), ...pageLinks })
        .meta({ id: 'HeldCertificates' }),
      mediaTypes: ['text/csv'],
    },
  },
  async handle({ query, headers, request, services, requestId }) {
    const at = services.now();
    const [enrollmentGroup, generation] = query.ca?.split('/') ?? [];
    const filter: CertificateFilter = {
      enrollmentGroup,
      caGeneration: generation === undefined ? undefined : Number(generation),
      issuedFrom: query.issuedFrom?.(at).toISOString(),
      issuedTo: query.issuedTo?.(at).toISOString(),
      keyMadeBy: query.custody,
      asOf: (query.asOf?.(at) ?? at).toISOString(),
    };
    const isCsv =
      query.format === undefined
        ? headers.accept?.includes('text/csv') && !prefersJson(headers.accept)
        : query.format === 'csv';
    if (isCsv) {
      const body = await streamed(requestId, csvOf(allCertificates(filter, services.devices)));
      const file = { name: 'certificates.csv', mediaType: 'text/csv; charset=utf-8', body };
      return { status: 200, file, headers: { vary: 'Accept' } };
    }
    const { items, continuation } = await certificatePage(filter, pageIn(request, query), services.devices);
    const json = { certificates: items, ...pageEnd(request, continuation) };
    return { status: 200, json, headers: { vary: 'Accept' } };
  },
});

const columns = [
  ...['deviceId', 'deviceStatus', 'kind', 'serialNumber', 'sha256Thumbprint', 'notBefore', 'notAfter'],
  ...['enrollmentGroup', 'caGeneration', 'keyMadeBy', 'state', 'since', 'assignedHub', 'delegatedCa'],
] as const;

/** Lines per write: a line by itself costs more than its text. */
const linesAtOnce = 500;

async function* csvOf(certificates: AsyncIterable<HeldCertificate>): AsyncIterable<string> {
  yield stringify([[...columns]]);
  let rows: string[][] = [];
  for await (const certificate of certificates) {
    rows.push(columns.map((name) => cell(certificate[name as keyof HeldCertificate])));
    if (rows.length < linesAtOnce) continue;
    yield stringify(rows);
    rows = [];
  }
  yield stringify(rows);
}

/** A hexadecimal number that a spreadsheet would take for a decimal one gets an apostrophe. */
function cell(value: unknown): string {
  const text = value === undefined ? '' : String(value);
  return text.length > 15 && /^\d+(?:e\d+)?$/i.test(text) ? `'${text}` : text;
}

export const certificateOperations = [listCertificates];
