import { app } from '@azure/functions';
import { readBundle } from '../lib/bundle/archive.ts';
import { withEvent } from '../lib/devices/device.ts';
import { FleetError } from '../lib/errors.ts';
import { httpAuthLevel } from './config.ts';
import { findDevice } from './http/find-device.ts';
import { respond } from './http/respond.ts';
import { services } from './services.ts';

app.http('get-device-bundle', {
  route: 'devices/{deviceId}/bundle',
  methods: ['GET'],
  authLevel: httpAuthLevel(),
  handler: respond('get-device-bundle', async (request, context, caller) => {
    const { devices, bundles, now } = services();
    const record = await findDevice(request);
    const { bundle, id, status } = record.value;
    if (bundle === undefined || status === 'claimed' || status === 'failed') {
      throw new FleetError('bundle-unavailable', `Device "${id}" is ${status} and has no bundle.`);
    }
    const { fileName, mediaType } = bundle;
    const body = await readBundle(bundles, bundle);
    // Whoever takes a key away leaves a trace, before the key goes.
    const detail = `by ${caller.name}, request ${context.invocationId}`;
    const event = { at: now().toISOString(), event: 'bundle downloaded', detail };
    const value = { ...record.value, history: withEvent(record.value.history, event) };
    const { conflicts } = await devices.replace([{ ...record, value }]);
    if (conflicts.length > 0) throw new FleetError('concurrent-change', `Device "${id}" changed just now; ask again.`);
    return {
      headers: {
        'content-type': mediaType,
        'content-disposition': `attachment; filename="${fileName}"`,
        'cache-control': 'no-store',
      },
      body,
    };
  }),
});
