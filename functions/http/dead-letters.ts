import { app } from '@azure/functions';
import { redriveDeadLetters } from '../../lib/pipeline/redrive-dead-letters.ts';
import { queueNames } from '../../lib/resource-names.ts';
import { nextLink, pageFrom, wordFrom } from './parameters.ts';
import { authLevel, json, respond } from './respond.ts';

app.http('list-dead-letters', {
  route: 'dead-letters',
  methods: ['GET'],
  authLevel,
  handler: respond('list-dead-letters', async (request, { deadLetters }) => {
    const queue = wordFrom(request, 'queue', queueNames);
    const { items, continuation } = await deadLetters.list({ ...pageFrom(request), queue });
    return json({ deadLetters: items, continuation, next: nextLink(request, continuation) });
  }),
});

app.http('redrive-dead-letters', {
  route: 'dead-letters/redrive',
  methods: ['POST'],
  authLevel,
  handler: respond('redrive-dead-letters', async (request, services) => {
    const redriven = await redriveDeadLetters({ queue: wordFrom(request, 'queue', queueNames) }, services);
    return json({ redriven }, { status: 202 });
  }),
});
