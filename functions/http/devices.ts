import * as z from 'zod';
import { certificateNameIn } from '../../lib/devices/certificate.ts';
import { deviceStatuses } from '../../lib/devices/device.ts';
import { downloadBundle } from '../../lib/pipeline/download-bundle.ts';
import { describeDevice } from '../../lib/pipeline/read-device.ts';
import { deviceSchema, deviceView } from './device-view.ts';
import { etagHeader, etagOf, ifNoneMatch, unlessKnown } from './etag.ts';
import { defineOperation } from './operation.ts';
import { pageEnd, pageIn, pageQuery } from './pages.ts';
import { moment, resourceId, word } from './parameters.ts';
import { pageLinks } from './schemas.ts';

const pathParameters = z.object({ deviceId: resourceId });

const devicePrefix = z
  .string()
  .transform((text) => text.toLowerCase())
  .pipe(z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'the first 1 to 64 characters of a device id'))
  .describe('Devices whose id begins with this, in any case.')
  .meta({ override: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' } });

const certificate = z
  .string()
  .transform((text, context) => {
    const name = certificateNameIn(text);
    if (name !== undefined) return name;
    context.addIssue('a serial number (32 hex digits), or a SHA-1 (40) or SHA-256 (64) thumbprint');
    return z.NEVER;
  })
  .meta({
    description:
      'The device that has this certificate, or had it: serial number, SHA-1 or SHA-256 thumbprint, as hex in any case, ' +
      'with or without colons or blanks.',
    override: {
      type: 'string',
      pattern: `^(${[32, 40, 64].map((digits) => `([0-9A-Fa-f][ :-]?){${digits}}`).join('|')})$`,
    },
  });

const listDevices = defineOperation({
  id: 'list-devices',
  method: 'GET',
  path: 'devices',
  summary: 'Devices, by id',
  role: 'reader',
  perGroup: true,
  query: z.object({
    ...pageQuery,
    job: z.string().optional().describe('Devices that a row of this job holds.'),
    group: z
      .string()
      .optional()
      .describe('Devices of this enrollment group. A caller with roles for several groups has to name one.'),
    status: word(deviceStatuses).optional().describe('Devices of this status.'),
    expiresBefore: moment.optional().describe('Devices whose certificate ends before this.'),
    idPrefix: devicePrefix.optional(),
    certificate: certificate.optional(),
  }),
  answers: {
    200: {
      description: 'One page.',
      schema: z.object({ devices: z.array(deviceSchema), ...pageLinks }).meta({ id: 'Devices' }),
    },
  },
  async handle({ query, request, services }) {
    const { devices, bundleRetentionDays, now } = services;
    const { job: jobId, group: enrollmentGroup, status, idPrefix } = query;
    const expiresBefore = query.expiresBefore?.(now()).toISOString();
    const filter = { jobId, enrollmentGroup, status, expiresBefore, idPrefix, certificate: query.certificate };
    const { items, continuation } = await devices.list(filter, pageIn(request, query));
    const groups = await services.groups.directory();
    const views = items.map((record) => {
      const group = groups.get(record.enrollmentGroup)?.value;
      return deviceView(record, { twin: record.twin, group, bundleRetentionDays, at: now() });
    });
    return { status: 200, json: { devices: views, ...pageEnd(request, continuation) } };
  },
});

const getDevice = defineOperation({
  id: 'get-device',
  method: 'GET',
  path: 'devices/{deviceId}',
  summary: 'One device',
  role: 'reader',
  perGroup: true,
  pathParameters,
  headers: z.object(ifNoneMatch),
  answers: {
    200: { description: 'The device.', schema: deviceSchema, headers: etagHeader },
    304: { description: 'The device is as it was.', headers: etagHeader },
  },
  errors: ['not-found'],
  async handle({ path, headers, services }) {
    const { record, group, initialTwin } = await describeDevice(path.deviceId, services);
    const { bundleRetentionDays, now } = services;
    const view = deviceView(record, { twin: initialTwin, group, bundleRetentionDays, at: now() });
    return unlessKnown(etagOf(view), headers['if-none-match'], view);
  },
});

const getDeviceBundle = defineOperation({
  id: 'get-device-bundle',
  method: 'GET',
  path: 'devices/{deviceId}/bundle',
  summary: 'The bundle of a device',
  description:
    'The files that the device installs. It can hold a private key, so the download is in the audit trail and in the history of the ' +
    'device.',
  // A bundle may contain a private key.
  role: 'operator',
  audited: true,
  perGroup: true,
  pathParameters,
  answers: {
    200: {
      description: 'The archive. A sealed one is encrypted to the recipients of the group (CMS).',
      mediaTypes: ['application/gzip', 'application/cms'],
    },
  },
  errors: ['not-found', 'device-suspended', 'device-revoked', 'bundle-unavailable', 'bundle-gone', 'archive-damaged'],
  async handle({ path, services, caller, requestId }) {
    const by = `${caller.name}, request ${requestId}`;
    const { fileName, mediaType, body } = await downloadBundle(path.deviceId, by, services);
    return { status: 200, file: { name: fileName, mediaType, body } };
  },
});

export const deviceOperations = [listDevices, getDevice, getDeviceBundle];
