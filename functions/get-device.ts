import { app } from '@azure/functions';
import { mergeTwins } from '../lib/devices/twin.ts';
import { httpAuthLevel } from './config.ts';
import { deviceView } from './http/device-view.ts';
import { findDevice } from './http/find-device.ts';
import { json, respond } from './http/respond.ts';
import { services } from './services.ts';

app.http('get-device', {
  route: 'devices/{deviceId}',
  methods: ['GET'],
  authLevel: httpAuthLevel(),
  handler: respond('get-device', async (request) => {
    const { value } = await findDevice(request);
    const group = (await services().groups.directory()).get(value.enrollmentGroup)?.value.definition;
    const own = value.twin ?? { tags: {}, desired: {} };
    // What the device's twin starts with: the group's part and its own.
    const twin = group === undefined ? own : mergeTwins(group.initialTwin, own);
    return json({ ...deviceView(value), twin });
  }),
});
