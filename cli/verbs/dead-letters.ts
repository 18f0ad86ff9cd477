import { answered, every, type Schemas } from '../api.ts';
import type { Context } from '../context.ts';
import { exitCodes, usageError } from '../errors.ts';
import type { Column } from '../output.ts';
import { writeList } from '../paging.ts';
import { plural } from '../text.ts';

type Letter = Schemas['DeadLetter'];

const columns: readonly Column<Letter>[] = [
  { name: 'reason', value: ({ reason }) => reason.code },
  { name: 'queue', value: ({ queue }) => queue },
  { name: 'message', value: ({ reason }) => reason.message },
  { name: 'order', value: ({ orderId }) => orderId },
  { name: 'times', value: ({ times }) => times },
  { name: 'failed', value: ({ at }) => at, kind: 'time' },
  { name: 'id', value: ({ id }) => id },
];

interface Filter {
  readonly queue?: string | undefined;
  readonly reason?: string | undefined;
  readonly ids?: string | undefined;
}

interface ListOptions extends Filter {
  readonly state?: 'waiting' | 'redriven' | 'discarded' | undefined;
  readonly limit?: number | undefined;
}

/** The filter for a query. The deployment checks the words, and says which ones it knows. */
function queryOf({ queue, reason, ids }: Filter) {
  const words = Object.entries({ queue, reason, ids }).filter(([, word]) => word !== undefined);
  return Object.fromEntries(words) as { queue?: Letter['queue'] };
}

export async function listLetters(context: Context, { limit, state, ...filter }: ListOptions): Promise<undefined> {
  const { client } = await context.api();
  await writeList(context, columns, limit, async (page) => {
    const query = { ...page, ...queryOf(filter), ...(state === undefined ? {} : { state }) };
    const { deadLetters, continuation } = await answered(client.GET('/dead-letters', { params: { query } }));
    return { items: deadLetters, continuation };
  });
  return undefined;
}

/** Letters that are counted before an act on them. */
const mostCounted = 10_000;

/** @returns how many letters a filter meets, in words */
async function counted({ api }: Context, filter: Filter): Promise<{ readonly none: boolean; readonly text: string }> {
  const { client } = await api();
  let count = 0;
  const letters = every(mostCounted, async (page) => {
    const query = { ...page, ...queryOf(filter) };
    const answer = await answered(client.GET('/dead-letters', { params: { query } }));
    return { items: answer.deadLetters, continuation: answer.continuation };
  });
  for await (const _ of letters) count += 1;
  const text = plural(count, 'dead letter');
  return { none: count === 0, text: count === mostCounted ? `${text} or more` : text };
}

interface ActOptions extends Filter {
  readonly all?: true | undefined;
  readonly yes?: true | undefined;
}

export async function redrive(context: Context, options: ActOptions): Promise<number> {
  const { none, text } = await counted(context, options);
  if (!none) await context.confirm(`Process ${text} again?`, options);
  const { client } = await context.api();
  let [redriven, left] = [0, 0];
  const reasons: Schemas['Redrive']['reasons'][number][] = [];
  // A request works for 60 seconds. Letters that stay are met again, so the last answer says how many.
  for (let more = !none; more; ) {
    const answer = await answered(client.POST('/dead-letters/redrive', { params: { query: queryOf(options) } }));
    redriven += answer.redriven;
    left = answer.left;
    reasons.splice(0, reasons.length, ...answer.reasons);
    // A request that redrives nothing would be repeated without an end.
    more = answer.more && answer.redriven > 0;
    if (more) context.say(`${plural(redriven, 'letter')} so far ...`);
  }
  const done = { redriven, left, reasons };
  await context.output.one(done, () => [
    ['redriven', redriven],
    ['left', left],
    ...reasons.map(({ id, reason }) => ['', `${id}: ${reason.message} (${reason.code})`] as const),
  ]);
  return left === 0 ? exitCodes.ok : exitCodes.failed;
}

export async function discard(context: Context, options: ActOptions): Promise<number> {
  const { queue, reason, ids, all } = options;
  if (!all && [queue, reason, ids].every((word) => word === undefined)) {
    throw usageError('Which letters are meant is not said.', 'Use --queue, --reason or --ids, or --all.');
  }
  const { none, text } = await counted(context, options);
  if (!none) await context.confirm(`Discard ${text}? Their work is not done.`, options);
  const { client } = await context.api();
  const query = { ...queryOf(options), ...(all ? { all } : {}) };
  let [discarded, left] = [0, 0];
  for (let more = !none; more; ) {
    const answer = await answered(client.POST('/dead-letters/discard', { params: { query } }));
    discarded += answer.discarded;
    left = answer.left;
    more = answer.more && answer.discarded > 0;
  }
  await context.output.one({ discarded, left }, () => [
    ['discarded', discarded],
    ['left', left],
  ]);
  return left === 0 ? exitCodes.ok : exitCodes.failed;
}
