import { app } from '@azure/functions';
import { actorName } from '../../lib/access/act.ts';
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
    const state = wordFrom(request, 'redriven', ['true', 'false']) === 'true' ? 'redriven' : 'waiting';
    const { items, continuation } = await deadLetters.list({ ...pageFrom(request), queue, state });
    return json({ deadLetters: items, continuation, next: nextLink(request, continuation) });
  }),
});

app.http('redrive-dead-letters', {
  route: 'dead-letters/redrive',
  methods: ['POST'],
  authLevel,
  handler: respond('redrive-dead-letters', async (request, services, { caller }) => {
    const queue = wordFrom(request, 'queue', queueNames);
    return json(await redriveDeadLetters({ queue }, services, actorName(caller)), { status: 202 });
  }),
});
