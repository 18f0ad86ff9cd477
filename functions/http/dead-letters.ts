import * as z from 'zod';
import { actorName } from '../../lib/access/act.ts';
import { excerpt, FleetError } from '../../lib/errors.ts';
import { type DeadLetter, type LetterFilter, letterStates } from '../../lib/jobs/dead-letters.ts';
import { discardDeadLetters } from '../../lib/pipeline/discard-dead-letters.ts';
import { redriveDeadLetters } from '../../lib/pipeline/redrive-dead-letters.ts';
import { queueNames } from '../../lib/resource-names.ts';
import { defineOperation } from './operation.ts';
import { pageEnd, pageIn, pageQuery } from './pages.ts';
import { errorCodeWord, flag, listOf, word } from './parameters.ts';
import { act, count, failureReason, pageLinks, reference, time } from './schemas.ts';

const queue = z.enum(queueNames);
const more = z.boolean().describe('True: 60 seconds were over before all letters were met. Send the request again.');

/** The letter without the events that it owes. */
function letterView({ outbox: _outbox, owedSince: _owedSince, announced: _announced, ...shown }: DeadLetter) {
  return shown;
}

const letterId = /^[0-9a-f]{32}$/;
const maxIds = 100;

const letterIds = z
  .string()
  .transform((text, context) => {
    const ids = text.split(',', maxIds + 1);
    if (ids.length <= maxIds && ids.every((id) => letterId.test(id))) return ids;
    context.addIssue(`1 to ${maxIds} ids of dead letters, with commas between`);
    return z.NEVER;
  })
  .meta({ override: { type: 'string', pattern: listOf('[0-9a-f]{32}', maxIds) } });

const letterIdInPath = z
  .string()
  .regex(letterId, { error: ({ input }) => `There is no dead letter "${excerpt(String(input))}".` })
  .describe('Id of a dead letter, 32 hex digits.');

/** Which letters: the same for a list and for what is done to its letters. */
const filterQuery = {
  queue: word(queueNames).optional().describe('Letters of this queue only.'),
  reason: errorCodeWord.optional().describe('Letters with this code only.'),
  ids: letterIds.optional().describe('Letters with these ids only: up to 100, with commas between.'),
};

function filterOf({ queue, reason: code, ids }: z.output<z.ZodObject<typeof filterQuery>>): LetterFilter {
  return { queue, code, ids };
}

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
    discarded: act.readonly().optional(),
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
    ...filterQuery,
    state: word(letterStates)
      .optional()
      .describe(
        'Letters that wait (default), that were redriven, or that were discarded. The last two are kept for DEAD_LETTER_RETENTION_DAYS.',
      ),
    redriven: flag.optional().describe('`true` is `state=redriven`.'),
  }),
  answers: {
    200: {
      description: 'One page.',
      schema: z.object({ deadLetters: z.array(deadLetter).readonly(), ...pageLinks }).meta({ id: 'DeadLetters' }),
    },
  },
  async handle({ query, request, services }) {
    const state = query.state ?? (query.redriven === true ? 'redriven' : 'waiting');
    const page = { ...pageIn(request, query), ...filterOf(query), state };
    const { items, continuation } = await services.deadLetters.list(page);
    return { status: 200, json: { deadLetters: items.map(letterView), ...pageEnd(request, continuation) } };
  },
});

const getDeadLetter = defineOperation({
  id: 'get-dead-letter',
  method: 'GET',
  path: 'dead-letters/{letterId}',
  summary: 'One dead letter, in any state',
  role: 'operator',
  perGroup: false,
  pathParameters: z.object({ letterId: letterIdInPath }),
  answers: { 200: { description: 'The letter, with the message as it was sent.', schema: deadLetter } },
  errors: ['not-found'],
  async handle({ path, services }) {
    const letter = await services.deadLetters.read(path.letterId);
    if (letter === undefined) throw new FleetError('not-found', `There is no dead letter "${path.letterId}".`);
    return { status: 200, json: letterView(letter) };
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
  query: z.object(filterQuery),
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
          more,
        })
        .meta({ id: 'Redrive' }),
    },
  },
  async handle({ query, services, caller, note }) {
    const json = await redriveDeadLetters(filterOf(query), services, actorName(caller));
    note({ redriven: json.redriven, left: json.left });
    return { status: 202, json };
  },
});

const discard = defineOperation({
  id: 'discard-dead-letters',
  method: 'POST',
  path: 'dead-letters/discard',
  summary: 'Discard dead letters',
  description:
    'Takes letters off the list whose work is not wanted any more. Each keeps who did it and when, and can be read for as long as DEAD_LETTER_RETENTION_DAYS says.',
  role: 'operator',
  perGroup: false,
  query: z.object({
    ...filterQuery,
    all: flag.optional().describe('`true` discards all letters that wait. Needed when nothing else selects letters.'),
  }),
  answers: {
    200: {
      description: 'What was done.',
      schema: z
        .object({
          discarded: count,
          left: count.describe('Letters that changed meanwhile. They stay as they are.'),
          more,
        })
        .readonly()
        .meta({ id: 'Discard' }),
    },
  },
  async handle({ query, services, caller, note }) {
    const selection = { ...filterOf(query), all: query.all };
    const json = await discardDeadLetters(selection, services, actorName(caller));
    note({ discarded: json.discarded, left: json.left });
    return { status: 200, json };
  },
});

export const deadLetterOperations = [listDeadLetters, getDeadLetter, redrive, discard];
