import { app } from '@azure/functions';
import { bundleExpiry } from '../../lib/bundle/retention.ts';
import { type DeviceRecord, deviceStatuses } from '../../lib/devices/device.ts';
import type { Twin } from '../../lib/devices/twin.ts';
import { downloadBundle } from '../../lib/pipeline/download-bundle.ts';
import { describeDevice } from '../../lib/pipeline/read-device.ts';
import { idFrom, nextLink, pageFrom, timeFrom, wordFrom } from './parameters.ts';
import { authLevel, download, json, respond } from './respond.ts';

app.http('list-devices', {
  route: 'devices',
  methods: ['GET'],
  authLevel,
  handler: respond('list-devices', async (request, { devices, bundleRetentionDays, now }) => {
    const filter = {
      jobId: request.query.get('job') || undefined,
      enrollmentGroup: request.query.get('group') || undefined,
      status: wordFrom(request, 'status', deviceStatuses),
      expiresBefore: timeFrom(request, 'expiresBefore', now())?.toISOString(),
    };
    const { items, continuation } = await devices.list(filter, pageFrom(request));
    const views = items.map((record) => deviceView(record, { twin: record.twin, bundleRetentionDays, at: now() }));
    return json({ devices: views, continuation, next: nextLink(request, continuation) });
  }),
});

app.http('get-device', {
  route: 'devices/{deviceId}',
  methods: ['GET'],
  authLevel,
  handler: respond('get-device', async (request, services) => {
    const { record, initialTwin } = await describeDevice(idFrom(request, 'deviceId'), services);
    const { bundleRetentionDays, now } = services;
    return json(deviceView(record, { twin: initialTwin, bundleRetentionDays, at: now() }));
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

interface ViewOptions {
  /** A list shows the device's own part of its twin, a single device its whole initial twin. */
  readonly twin: Twin | undefined;
  readonly bundleRetentionDays: number | undefined;
  /** Now. */
  readonly at: Date;
}

/** A device as the API shows it. The link of a bundle is left out when its retention has ended. */
export function deviceView(record: DeviceRecord, { twin, bundleRetentionDays, at }: ViewOptions) {
  const { id, status, statusSince, enrollmentGroup, serialNumber, claim, bundle } = record;
  const expiry = bundleExpiry(record, bundleRetentionDays);
  return {
    deviceId: id,
    writtenId: record.writtenId,
    status,
    statusSince,
    enrollmentGroup,
    failure: record.failure,
    certificate: { serialNumber, ...record.identity },
    job: { jobId: claim.jobId, line: claim.line, link: `/api/jobs/${claim.jobId}` },
    twin: twin ?? { tags: {}, desired: {} },
    registration: record.registration ?? { status: 'unassigned' },
    bundle: bundle && {
      fileName: bundle.fileName,
      bytes: bundle.length,
      sha256: bundle.sha256,
      keptUntil: expiry?.toISOString(),
      link: expiry !== undefined && expiry <= at ? undefined : `/api/devices/${id}/bundle`,
    },
    history: record.history,
  };
}
