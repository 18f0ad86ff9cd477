import { app } from '@azure/functions';
import { queueNames } from '../lib/resource-names.ts';
import { httpAuthLevel } from './config.ts';
import { nextLink, pageFrom, wordFrom } from './http/parameters.ts';
import { json, respond } from './http/respond.ts';
import { services } from './services.ts';

app.http('list-dead-letters', {
  route: 'dead-letters',
  methods: ['GET'],
  authLevel: httpAuthLevel(),
  handler: respond('list-dead-letters', async (request) => {
    const queue = wordFrom(request, 'queue', queueNames);
    const { items, continuation } = await services().deadLetters.list({ ...pageFrom(request), queue });
    return json({ deadLetters: items, continuation, next: nextLink(request, continuation) });
  }),
});
