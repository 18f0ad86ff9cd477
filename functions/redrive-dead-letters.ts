import { app } from '@azure/functions';
import { redriveDeadLetters } from '../lib/pipeline/redrive-dead-letters.ts';
import { queueNames } from '../lib/resource-names.ts';
import { httpAuthLevel } from './config.ts';
import { wordFrom } from './http/parameters.ts';
import { json, respond } from './http/respond.ts';
import { services } from './services.ts';

app.http('redrive-dead-letters', {
  route: 'dead-letters/redrive',
  methods: ['POST'],
  authLevel: httpAuthLevel(),
  handler: respond('redrive-dead-letters', async (request) => {
    const redriven = await redriveDeadLetters({ queue: wordFrom(request, 'queue', queueNames) }, services());
    return json({ redriven }, { status: 202 });
  }),
});
