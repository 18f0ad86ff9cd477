import { app } from '@azure/functions';
import { type DeviceRecord, deviceStatuses } from '../../lib/devices/device.ts';
import type { Twin } from '../../lib/devices/twin.ts';
import { downloadBundle } from '../../lib/pipeline/download-bundle.ts';
import { describeDevice } from '../../lib/pipeline/read-device.ts';
import { idFrom, nextLink, pageFrom, wordFrom } from './parameters.ts';
import { authLevel, download, json, respond } from './respond.ts';

app.http('list-devices', {
  route: 'devices',
  methods: ['GET'],
  authLevel,
  handler: respond('list-devices', async (request, { devices }) => {
    const filter = {
      jobId: request.query.get('job') || undefined,
      enrollmentGroup: request.query.get('group') || undefined,
      status: wordFrom(request, 'status', deviceStatuses),
    };
    const { items, continuation } = await devices.list(filter, pageFrom(request));
    const views = items.map((record) => deviceView(record, record.twin));
    return json({ devices: views, continuation, next: nextLink(request, continuation) });
  }),
});

app.http('get-device', {
  route: 'devices/{deviceId}',
  methods: ['GET'],
  authLevel,
  handler: respond('get-device', async (request, services) => {
    const { record, initialTwin } = await describeDevice(idFrom(request, 'deviceId'), services);
    return json(deviceView(record, initialTwin));
  }),
});

app.http('get-device-bundle', {
  route: 'devices/{deviceId}/bundle',
  methods: ['GET'],
  authLevel,
  handler: respond('get-device-bundle', async (request, services, { caller, requestId }) => {
    const by = `${caller.name}, request ${requestId}`;
    const { fileName, mediaType, body } = await downloadBundle(idFrom(request, 'deviceId'), by, services);
    return download(fileName, mediaType, body);
  }),
});

/**
 * A device as the API shows it.
 * @param twin a list shows the device's own part of its twin, a single device its whole initial twin
 */
function deviceView(record: DeviceRecord, twin: Twin = { tags: {}, desired: {} }) {
  const { id, status, statusSince, enrollmentGroup, serialNumber, claim, bundle } = record;
  return {
    deviceId: id,
    writtenId: record.writtenId,
    status,
    statusSince,
    enrollmentGroup,
    failure: record.failure,
    certificate: { serialNumber, ...record.identity },
    job: { jobId: claim.jobId, line: claim.line, link: `/api/jobs/${claim.jobId}` },
    twin,
    registration: record.registration ?? { status: 'unassigned' },
    bundle: bundle && { fileName: bundle.fileName, bytes: bundle.length, link: `/api/devices/${id}/bundle` },
    history: record.history,
  };
}
