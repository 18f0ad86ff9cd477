import { html, nothing, type TemplateResult } from 'lit-html';
import { call, get } from '../api.ts';
import { plural, words } from '../format.ts';
import { empty, heading, problemPanel, section, time } from '../parts/basic.ts';
import { ask } from '../parts/dialog.ts';
import { clearFilters, filter, pager, table } from '../parts/table.ts';
import { to } from '../router.ts';
import { defineScreen, follow, type Page } from '../screen.ts';
import { can } from '../session.ts';
import { update } from '../store.ts';
import type { DeadLetter, DeadLetters, Discard, Redrive, Summary } from '../types.ts';

interface Data extends DeadLetters {
  readonly reasons: NonNullable<Summary['deadLetters']>['byReason'];
}

interface Local {
  readonly chosen: ReadonlySet<string>;
  /** Letters that the last redrive left, with why. */
  readonly left?: Redrive['reasons'];
}

type Screen = Page<Data, Local>;

/** Every queue that the API names, or this does not compile. */
const queueNames = {
  'manifest-uploads': true,
  orders: true,
  chunks: true,
  'individual-enrollments': true,
  'device-blocks': true,
  'event-deliveries': true,
} satisfies Record<DeadLetter['queue'], true>;
const queues = Object.keys(queueNames);
const states = [
  ['', 'Waiting'],
  ['redriven', 'Redriven, 30 days'],
  ['discarded', 'Discarded, a year'],
] as const;

export const deadLettersScreen = defineScreen<Data, Local>({
  title: () => 'Dead letters',
  local: () => ({ chosen: new Set() }),
  async load({ place, signal }) {
    const query = new URLSearchParams(place.query);
    query.set('limit', '50');
    const summary = get<Summary>('summary', signal);
    const page = await get<DeadLetters>(`dead-letters?${query}`, signal);
    return { ...page, reasons: (await summary).deadLetters?.byReason ?? [] };
  },
  view(page) {
    const { place, data, local, set } = page;
    const { deadLetters, continuation, reasons } = data;
    const isWaiting = !place.query.has('state');
    const choose = (ids: readonly string[], isChosen: boolean) => {
      const chosen = new Set(local.chosen);
      for (const id of ids) isChosen ? chosen.add(id) : chosen.delete(id);
      set({ chosen });
    };
    const selection = isWaiting && can('redrive-dead-letters') ? { chosen: local.chosen, choose } : undefined;
    return html`
      ${heading('Dead letters', { above: 'Messages that failed five times, or that no retry can help' })}
      ${(local.left ?? []).map(({ reason }) => problemPanel({ status: 0, title: reason.code, detail: reason.message, hint: reason.hint }))}
      ${isWaiting && reasons.length > 0 ? byReason(page) : nothing}
      <div class="filters">
        ${filter(place, 'state', 'State', states, follow)}
        ${filter(place, 'queue', 'Queue', [['', 'Any queue'], ...queues.map((each) => [each, words(each)] as const)], follow)} ${clearFilters(place)}
      </div>
      ${selection === undefined || deadLetters.length === 0 ? nothing : actionBar(page)}
      ${
        deadLetters.length > 0
          ? table('Dead letters', columns, deadLetters, ({ id }) => id, selection)
          : isWaiting && place.query.size === 0
            ? empty('No message waits.', 'All messages were processed. There is nothing to do.')
            : empty('No letter matches these filters.', 'Take a filter off to see more.', clearFilters(place))
      }
      ${pager(place, continuation)}
    `;
  },
});

type Reason = Data['reasons'][number];

/** Most letters fail for few reasons, so they are acted on by reason. */
function byReason(page: Screen): TemplateResult {
  const columns = [
    {
      name: 'Reason',
      kind: 'wide' as const,
      cell: ({ queue, code }: Reason) =>
        html`<a href=${to('/dead-letters', { queue, reason: code })}><code>${code}</code></a>`,
    },
    { name: 'Queue', cell: ({ queue }: Reason) => words(queue) },
    { name: 'Letters', kind: 'number' as const, cell: ({ letters }: Reason) => letters },
    {
      name: 'Act on all of them',
      cell: ({ queue, code, letters }: Reason) => {
        const query = new URLSearchParams({ queue, reason: code });
        return html`<div class="actions">
          ${can('redrive-dead-letters') ? html`<button type="button" @click=${() => redrive(page, query, letters)}>Redrive</button>` : nothing}
          ${can('discard-dead-letters') ? html`<button class="danger" type="button" @click=${() => discard(page, query, letters)}>Discard</button>` : nothing}
        </div>`;
      },
    },
  ];
  return section(
    'By reason',
    table('Reasons', columns, page.data.reasons, ({ queue, code }) => `${queue} ${code}`),
  );
}

function actionBar(page: Screen): TemplateResult {
  const { chosen } = page.local;
  const ids = [...chosen].slice(0, 100);
  const query = new URLSearchParams({ ids: ids.join(',') });
  return html`<div class="selection ${chosen.size > 0 ? 'on' : ''}">
    <p role="status">${chosen.size === 0 ? 'Select letters to redrive or discard them.' : `${plural(ids.length, 'letter')} selected${chosen.size > ids.length ? ', the first 100' : ''}`}</p>
    ${
      chosen.size === 0
        ? nothing
        : html`<div class="actions">
            <button type="button" @click=${() => redrive(page, query, ids.length)}>Redrive …</button>
            <button class="danger" type="button" @click=${() => discard(page, query, ids.length)}>Discard …</button>
          </div>`
    }
  </div>`;
}

function redrive({ set, reload }: Screen, query: URLSearchParams, count: number): void {
  ask({
    title: `Redrive ${plural(count, 'letter')}?`,
    text: 'Each message is processed again; failed rows of a chunk are retried with their job. Do this once the cause is gone.',
    confirm: `Redrive ${plural(count, 'letter')}`,
    async act() {
      const { body } = await call<Redrive>(`dead-letters/redrive?${query}`, { method: 'POST' });
      const more = body.more ? ' More are left: redrive again.' : '';
      update({ notice: { text: `${plural(body.redriven, 'letter')} redriven, ${body.left} left.${more}` } });
      set({ chosen: new Set(), left: body.reasons });
      await reload();
    },
  });
}

function discard({ set, reload }: Screen, query: URLSearchParams, count: number): void {
  ask({
    title: `Discard ${plural(count, 'letter')}?`,
    text: 'Their work is not done. Each stays readable for a year, with who discarded it.',
    confirm: `Discard ${plural(count, 'letter')}`,
    danger: true,
    async act() {
      const { body } = await call<Discard>(`dead-letters/discard?${query}`, { method: 'POST' });
      const more = body.more ? ' More are left: discard again.' : '';
      update({ notice: { text: `${plural(body.discarded, 'letter')} discarded.${more}` } });
      set({ chosen: new Set() });
      await reload();
    },
  });
}

const columns = [
  {
    name: 'Reason',
    kind: 'wide' as const,
    cell: ({ reason }: DeadLetter) =>
      html`<strong>${reason.message}</strong><br /><span class="muted">${reason.hint}</span> <code>${reason.code}</code>`,
  },
  { name: 'Queue', cell: ({ queue }: DeadLetter) => words(queue) },
  {
    name: 'Failed',
    cell: ({ at, times }: DeadLetter) =>
      html`${time(at)}${times > 1 ? html`<br /><span class="muted">${times} times</span>` : nothing}`,
  },
  { name: 'Order', cell: ({ orderId }: DeadLetter) => orderId ?? '' },
  {
    name: 'Message',
    kind: 'wide' as const,
    cell: ({ id, body }: DeadLetter) =>
      html`<details><summary>Message ${id.slice(0, 8)}</summary><pre tabindex="0" aria-label="Message">${body}</pre></details>`,
  },
  {
    name: 'Done',
    cell: ({ redriven, discarded }: DeadLetter) =>
      redriven === undefined
        ? discarded === undefined
          ? ''
          : html`discarded by ${discarded.by}, ${time(discarded.at)}`
        : html`redriven by ${redriven.by}, ${time(redriven.at)}`,
  },
];
