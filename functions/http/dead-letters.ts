import * as z from 'zod';
import { actorName } from '../../lib/access/act.ts';
import { redriveDeadLetters } from '../../lib/pipeline/redrive-dead-letters.ts';
import { queueNames } from '../../lib/resource-names.ts';
import { defineOperation } from './operation.ts';
import { flag, linksToNext, pageOf, pageQuery, word } from './parameters.ts';
import { act, count, failureReason, pageLinks, reference, time } from './schemas.ts';

const queue = z.enum(queueNames);
const queueQuery = word(queueNames).optional().describe('Letters of this queue only.');

const deadLetter = z
  .object({
    id: z.string().describe('Digest of queue and body: the same message again has the same id.'),
    queue,
    body: z.string().describe('The message as it was sent.'),
    reason: failureReason.readonly(),
    orderId: z.string().optional().describe('Of an order, when it can be read.'),
    reference: reference.optional().describe("Of an order: the sender's own keys."),
    at: time.describe('When it failed last.'),
    times: z.int().min(1).describe('How often it has failed for good.'),
    redriven: act.readonly().optional(),
  })
  .readonly()
  .meta({ id: 'DeadLetter', description: 'A message that failed for good, and why.' });

const listDeadLetters = defineOperation({
  id: 'list-dead-letters',
  method: 'GET',
  path: 'dead-letters',
  summary: 'Messages that could not be processed',
  // A dead letter shows the message as it was sent.
  role: 'operator',
  perGroup: false,
  query: z.object({
    ...pageQuery,
    queue: queueQuery,
    redriven: flag.optional().describe('The letters that were redriven in the last 30 days, and not those that wait.'),
  }),
  answers: {
    200: {
      description: 'One page.',
      schema: z.object({ deadLetters: z.array(deadLetter).readonly(), ...pageLinks }).meta({ id: 'DeadLetters' }),
    },
  },
  async handle({ query, request, services }) {
    const filter = { queue: query.queue, redriven: query.redriven ?? false };
    const { items, continuation } = await services.deadLetters.list({ ...pageOf(query), ...filter });
    return { status: 200, json: { deadLetters: items, ...linksToNext(request, continuation) } };
  },
});

const redrive = defineOperation({
  id: 'redrive-dead-letters',
  method: 'POST',
  path: 'dead-letters/redrive',
  summary: 'Process dead letters again',
  description: 'The failed rows of a chunk are retried with their job. Any other message goes back to its queue.',
  role: 'operator',
  perGroup: false,
  query: z.object({ queue: queueQuery }),
  answers: {
    202: {
      description: 'What was done.',
      schema: z
        .object({
          redriven: count.describe('Letters that were sent again, or whose rows are retried.'),
          left: count.describe('Letters for which there was nothing to do. They stay on the list.'),
          reasons: z
            .array(z.object({ id: z.string(), queue, reason: failureReason.readonly() }).readonly())
            .readonly()
            .describe('Why: the first 100 of them.'),
        })
        .meta({ id: 'Redrive' }),
    },
  },
  async handle({ query, services, caller }) {
    return { status: 202, json: await redriveDeadLetters({ queue: query.queue }, services, actorName(caller)) };
  },
});

export const deadLetterOperations = [listDeadLetters, redrive];
