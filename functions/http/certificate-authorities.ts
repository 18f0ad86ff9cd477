import * as z from 'zod';
import { actorName } from '../../lib/access/act.ts';
import {
  type DelegatedCa,
  delegatedCaEndReasons,
  delegatedCaState,
  delegatedCaStates,
} from '../../lib/authorities/delegated-ca.ts';
import { deviceStatuses } from '../../lib/devices/device.ts';
import { excerpt } from '../../lib/errors.ts';
import { blockDelegatedCa, readDelegatedCa } from '../../lib/pipeline/block-delegated-ca.ts';
import { type DeviceOfCa, devicesOfCa, reissueListOfCa } from '../../lib/pipeline/devices-of-ca.ts';
import { reasonBody } from './device-blocks.ts';
import { defineOperation } from './operation.ts';
import { pageEnd, pageIn, pageQuery } from './pages.ts';
import { word } from './parameters.ts';
import { streamed } from './response-stream.ts';
import { act, count, pageLinks, time } from './schemas.ts';

const serial = z
  .string()
  .toLowerCase()
  .regex(/^[0-9a-f]{32}$/, {
    error: ({ input }) => `There is no certificate authority "${excerpt(String(input))}". Expected 32 hex digits.`,
  })
  .describe('Serial number of its certificate, 32 hex digits.');

const pathParameters = z.object({ serial });

const authority = z
  .object({
    serialNumber: z.string().describe('Hex.'),
    enrollmentGroup: z.string(),
    caGeneration: z.int().min(1).describe('Generation of the issuing CA that signed it.'),
    state: z
      .enum(delegatedCaStates)
      .describe(
        '`open`: its key may exist. `ended`: it does not. `blocked`: DPS and the EST server refuse its certificates.',
      ),
    worker: z.string().describe('The process that made its key: host and process id.'),
    commonName: z.string(),
    reservedAt: time.describe('When its record was written, before it was signed.'),
    notBefore: time,
    notAfter: time,
    signsUntil: time.describe('It signs nothing from then on.'),
    certificatePem: z.string().optional().describe('Absent until it is signed.'),
    ended: z
      .object({
        at: time,
        reason: z.enum(delegatedCaEndReasons).describe('`lost`: its worker died. See docs/delegated-issuing.md.'),
        certificates: count.optional().describe('Certificates that it signed, Edge CAs included. Absent for `lost`.'),
      })
      .readonly()
      .optional()
      .describe('When and why its key was dropped.'),
    blocked: act
      .extend({
        reason: z.string(),
        inDps: z
          .object({ enrollmentGroup: z.string(), at: time, removedAt: time.optional() })
          .readonly()
          .optional()
          .describe('The disabled enrollment group on it. Absent until DPS has it, or where nothing was signed.'),
      })
      .readonly()
      .optional()
      .describe('Who blocked it, and why.'),
  })
  .meta({ id: 'CertificateAuthority', description: 'A delegated CA (docs/delegated-issuing.md).' });

function authorityView({ id, ...ca }: DelegatedCa): z.output<typeof authority> {
  return { serialNumber: id, state: delegatedCaState(ca), ...ca };
}

const deviceOfCa = z
  .object({
    deviceId: z.string(),
    status: z.enum(deviceStatuses),
    enrollmentGroup: z.string(),
    certificate: z.object({
      serialNumber: z.string(),
      sha256Thumbprint: z.string(),
      notAfter: time,
      keyMadeBy: z
        .enum(['device', 'service'])
        .optional()
        .describe('`service`: the worker made the key, too, so it may be known to who has the key of the CA.'),
      assignedHub: z.string().optional().describe('The hub that it registered at with this certificate.'),
    }),
    link: z.string(),
  })
  .meta({ id: 'DeviceOfCa' });

function deviceView({ record, certificate }: DeviceOfCa): z.output<typeof deviceOfCa> {
  const { serialNumber, sha256Thumbprint, notAfter, keyMadeBy, assignedHub } = certificate;
  return {
    deviceId: record.id,
    status: record.status,
    enrollmentGroup: record.enrollmentGroup,
    certificate: { serialNumber, sha256Thumbprint, notAfter, keyMadeBy, assignedHub },
    link: `/api/devices/${record.id}`,
  };
}

const devicesMember = z
  .array(deviceOfCa)
  .readonly()
  .describe('Devices that work with a certificate of it. Once it is blocked, each has to be issued again.');
const listMember = z.string().describe('Path of their rows. Submit them to `POST /api/jobs` with onConflict=reissue.');
const listOf = (id: string) => `/api/certificate-authorities/${id}/reissue-list`;

const listAuthorities = defineOperation({
  id: 'list-certificate-authorities',
  method: 'GET',
  path: 'certificate-authorities',
  summary: 'Delegated CAs: which worker has or had which',
  role: 'reader',
  perGroup: true,
  query: z.object({
    ...pageQuery,
    group: z.string().optional().describe('Those of this enrollment group.'),
    state: word(delegatedCaStates).optional().describe('Those in this state.'),
  }),
  answers: {
    200: {
      description: 'One page, newest first.',
      schema: z
        .object({ certificateAuthorities: z.array(authority).readonly(), ...pageLinks })
        .meta({ id: 'CertificateAuthorities' }),
    },
  },
  async handle({ query, request, services }) {
    const { group, state } = query;
    const filter = { state, ...(group !== undefined && { enrollmentGroups: [group] }) };
    const { items, continuation } = await services.delegatedCas.list(filter, pageIn(request, query));
    const json = { certificateAuthorities: items.map(authorityView), ...pageEnd(request, continuation) };
    return { status: 200, json };
  },
});

const getAuthority = defineOperation({
  id: 'get-certificate-authority',
  method: 'GET',
  path: 'certificate-authorities/{serial}',
  summary: 'One delegated CA',
  role: 'reader',
  perGroup: true,
  pathParameters,
  answers: { 200: { description: 'The CA.', schema: authority } },
  errors: ['not-found'],
  handle: async ({ path, services }) => ({
    status: 200,
    json: authorityView(await readDelegatedCa(path.serial, services)),
  }),
});

const listDevices = defineOperation({
  id: 'list-certificate-authority-devices',
  method: 'GET',
  path: 'certificate-authorities/{serial}/devices',
  summary: 'Devices that work with a certificate of a delegated CA',
  description:
    'By id. The devices of the group are read one by one, which takes about a minute for a million devices. ' +
    'A device that was issued again since is not on the list.',
  role: 'reader',
  perGroup: true,
  pathParameters,
  query: z.object(pageQuery),
  answers: {
    200: {
      description: 'One page.',
      schema: z
        .object({ devices: devicesMember, reissueList: listMember, ...pageLinks })
        .meta({ id: 'DevicesOfCertificateAuthority' }),
    },
  },
  errors: ['not-found'],
  async handle({ path, query, request, services }) {
    const ca = await readDelegatedCa(path.serial, services);
    const { items, continuation } = await devicesOfCa(ca, pageIn(request, query), services);
    const json = { devices: items.map(deviceView), reissueList: listOf(ca.id), ...pageEnd(request, continuation) };
    return { status: 200, json };
  },
});

const getReissueList = defineOperation({
  id: 'get-certificate-authority-reissue-list',
  method: 'GET',
  path: 'certificate-authorities/{serial}/reissue-list',
  summary: 'The rows of devices that have to be issued again when a delegated CA is blocked',
  description:
    'Devices in use that work with a certificate of it, as a manifest (NDJSON): id, group, tags and desired properties of their latest ' +
    'rows. Submit it to `POST /api/jobs` with onConflict=reissue. In a group with keyCustody "device", `csr` is empty: fill it in first.',
  role: 'reader',
  perGroup: true,
  pathParameters,
  answers: { 200: { description: 'The list. It can be empty.', mediaTypes: ['application/x-ndjson'] } },
  errors: ['not-found'],
  async handle({ path, services, requestId }) {
    const ca = await readDelegatedCa(path.serial, services);
    const body = await streamed(requestId, reissueListOfCa(ca, services));
    return { status: 200, file: { name: `${ca.id}-reissue.ndjson`, mediaType: 'application/x-ndjson', body } };
  },
});

const block = defineOperation({
  id: 'block-certificate-authority',
  method: 'POST',
  path: 'certificate-authorities/{serial}/block',
  summary: 'Block a delegated CA for good',
  description:
    'Nothing that it signed is handed out any more. DPS gets a disabled enrollment group on it, so devices with its certificates can no longer ' +
    'register; the EST server refuses them, too. Devices that are connected stay so until they register again. The answer begins the list of them. ' +
    'Repeat a request that was cut short.',
  takesRightsAway: true,
  role: 'operator',
  perGroup: true,
  pathParameters,
  body: reasonBody,
  answers: {
    200: {
      description: 'The CA, and the first page of devices that have to be issued again.',
      schema: z
        .object({
          certificateAuthority: authority,
          devices: devicesMember,
          reissueList: listMember,
          next: z.string().optional().describe('Path of the list of all of them, when it has more than these.'),
        })
        .meta({ id: 'BlockedCertificateAuthority' }),
    },
  },
  errors: ['not-found', 'group-refused', 'group-exists'],
  async handle({ path, body: { reason }, services, caller, note }) {
    const ca = await blockDelegatedCa(path.serial, { by: actorName(caller), reason }, services);
    note({ enrollmentGroup: ca.enrollmentGroup, worker: ca.worker, inDps: ca.blocked?.inDps?.enrollmentGroup });
    const { items, continuation } = await devicesOfCa(ca, { size: 100 }, services);
    const next = continuation === undefined ? {} : { next: `/api/certificate-authorities/${ca.id}/devices` };
    const json = { certificateAuthority: authorityView(ca), devices: items.map(deviceView), ...next };
    return { status: 200, json: { ...json, reissueList: listOf(ca.id) } };
  },
});

export const certificateAuthorityOperations = [listAuthorities, getAuthority, listDevices, getReissueList, block];
