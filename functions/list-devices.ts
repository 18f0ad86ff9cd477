import { app } from '@azure/functions';
import { deviceStatuses } from '../lib/devices/device.ts';
import { httpAuthLevel } from './config.ts';
import { deviceView } from './http/device-view.ts';
import { nextLink, pageFrom, wordFrom } from './http/parameters.ts';
import { json, respond } from './http/respond.ts';
import { services } from './services.ts';

app.http('list-devices', {
  route: 'devices',
  methods: ['GET'],
  authLevel: httpAuthLevel(),
  handler: respond('list-devices', async (request) => {
    const filter = {
      jobId: request.query.get('job') || undefined,
      enrollmentGroup: request.query.get('group') || undefined,
      status: wordFrom(request, 'status', deviceStatuses),
    };
    const { items, continuation } = await services().devices.list(filter, pageFrom(request));
    return json({ devices: items.map(deviceView), continuation, next: nextLink(request, continuation) });
  }),
});
