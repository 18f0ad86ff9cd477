import * as z from 'zod';
import { deviceStatuses } from '../../lib/devices/device.ts';
import { downloadBundle } from '../../lib/pipeline/download-bundle.ts';
import { describeDevice } from '../../lib/pipeline/read-device.ts';
import { deviceSchema, deviceView } from './device-view.ts';
import { etagHeader, etagOf, ifNoneMatch, unlessKnown } from './etag.ts';
import { defineOperation } from './operation.ts';
import { linksToNext, moment, pageOf, pageQuery, resourceId, word } from './parameters.ts';
import { pageLinks } from './schemas.ts';

const pathParameters = z.object({ deviceId: resourceId });

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
    status: word(deviceStatuses).optional(),
    expiresBefore: moment.optional().describe('Devices whose certificate ends before this.'),
  }),
  answers: {
    200: {
      description: 'One page.',
      schema: z.object({ devices: z.array(deviceSchema), ...pageLinks }).meta({ id: 'Devices' }),
    },
  },
  async handle({ query, request, services }) {
    const { devices, bundleRetentionDays, now } = services;
    const { job: jobId, group: enrollmentGroup, status, expiresBefore } = query;
    const filter = { jobId, enrollmentGroup, status, expiresBefore: expiresBefore?.(now()).toISOString() };
    const { items, continuation } = await devices.list(filter, pageOf(query));
    const views = items.map((record) => deviceView(record, { twin: record.twin, bundleRetentionDays, at: now() }));
    return { status: 200, json: { devices: views, ...linksToNext(request, continuation) } };
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
    const { record, initialTwin } = await describeDevice(path.deviceId, services);
    const { bundleRetentionDays, now } = services;
    const view = deviceView(record, { twin: initialTwin, bundleRetentionDays, at: now() });
    return unlessKnown(etagOf(view), headers['if-none-match'], view);
  },
});

const getDeviceBundle = defineOperation({
  id: 'get-device-bundle',
  method: 'GET',
  path: 'devices/{deviceId}/bundle',
  summary: 'The bundle of a device',
  description: 'What the device installs. It can hold a private key, so the download is recorded in its history.',
  // A bundle may contain a private key.
  role: 'operator',
  perGroup: true,
  pathParameters,
  answers: {
    200: {
      description: 'The archive. A sealed one is encrypted to the recipients of the group (CMS).',
      mediaTypes: ['application/gzip', 'application/cms'],
    },
  },
  errors: ['not-found', 'bundle-unavailable', 'bundle-gone', 'archive-damaged'],
  async handle({ path, services, caller, requestId }) {
    const by = `${caller.name}, request ${requestId}`;
    const { fileName, mediaType, body } = await downloadBundle(path.deviceId, by, services);
    return { status: 200, file: { name: fileName, mediaType, body } };
  },
});

export const deviceOperations = [listDevices, getDevice, getDeviceBundle];
