import { html, nothing, type TemplateResult } from 'lit-html';
import { get } from '../api.ts';
import { asText, words } from '../format.ts';
import { empty, facts, heading, time } from '../parts/basic.ts';
import { badge } from '../parts/status.ts';
import { clearFilters, pager, table } from '../parts/table.ts';
import { go, type Place, to } from '../router.ts';
import { defineScreen } from '../screen.ts';
import type { AuditEntries, AuditEntry } from '../types.ts';

/** The audit trail: who did what, when and why, newest first. The filters are those of the API. */
export const auditScreen = defineScreen<AuditEntries, object>({
  title: () => 'Audit',
  local: () => ({}),
  load({ place, signal }) {
    const query = new URLSearchParams(place.query);
    query.set('limit', '50');
    return get<AuditEntries>(`audit?${query}`, signal);
  },
  view({ place, data: { entries, continuation } }) {
    const isFiltered = place.query.size > 0;
    return html`
      ${heading('Audit trail', { above: 'Who did what, when and why. Entries of the last minute are not in the log yet.' })}
      ${filters(place)}
      ${
        entries.length > 0
          ? table('Entries', columns, withoutAnswered(entries), ({ index }) => String(index))
          : continuation !== undefined
            ? empty('None on this page.', 'A page reads 16,384 entries. The next page reads on.')
            : isFiltered
              ? empty('No entry matches these filters.', 'Take a filter off to see more.', clearFilters(place))
              : empty('The trail is empty.', 'Each change has an intent and a result here, a minute after it was made.')
      }
      ${pager(place, continuation)}
    `;
  },
});

/** Entries without the intents whose result stands on the same page. */
export function withoutAnswered(entries: readonly AuditEntry[]): readonly AuditEntry[] {
  const results = new Set(entries.filter(({ phase }) => phase === 'result').map(({ id }) => id));
  return entries.filter(({ phase, id }) => phase === 'result' || !results.has(id));
}

const texts = [
  ['device', 'Device'],
  ['group', 'Group'],
  ['job', 'Job'],
  ['by', 'By'],
  ['action', 'Action'],
] as const;

function filters(place: Place): TemplateResult {
  const submit = (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    go(to(place.path, Object.fromEntries([...form].map(([name, value]) => [name, String(value).trim()]))));
  };
  return html`<form class="filters audit-filters" @submit=${submit}>
    ${texts.map(
      ([name, label]) =>
        html`<label class="field"
          ><span>${label}</span>
          <input name=${name} autocomplete="off" autocapitalize="none" spellcheck="false" .value=${place.query.get(name) ?? ''} />
        </label>`,
    )}
    <button>Filter</button> ${clearFilters(place)}
  </form>`;
}

const columns = [
  { name: 'Time', cell: ({ at }: AuditEntry) => time(at) },
  { name: 'Action', cell: ({ action }: AuditEntry) => html`<strong>${words(action)}</strong>` },
  { name: 'Outcome', cell: outcome },
  {
    name: 'By',
    cell: ({ by, role }: AuditEntry) =>
      html`${by}${role === undefined ? nothing : html` <span class="tag">${role}</span>`}`,
  },
  { name: 'On', kind: 'wide' as const, cell: subject },
  { name: 'Why', kind: 'wide' as const, cell: ({ why }: AuditEntry) => why ?? '' },
  { name: 'More', cell: more },
];

function outcome({ phase, outcome: found, code }: AuditEntry): TemplateResult {
  if (phase === 'intent') return badge('busy', 'intended');
  return found === 'failed' ? html`${badge('bad', 'failed')} <code>${code}</code>` : badge('good', 'done');
}

const places: Readonly<Record<string, string>> = { deviceId: '/devices', jobId: '/jobs', enrollmentGroup: '/groups' };

function subject({ subject: members }: AuditEntry): TemplateResult {
  return html`${Object.entries(members).map(([name, value]) => {
    const path = places[name];
    const text = asText(value);
    const shown =
      path === undefined
        ? html`<code>${text}</code>`
        : html`<a class="id" href=${to(`${path}/${encodeURIComponent(text)}`)}>${text}</a>`;
    return html`<div><span class="muted">${words(name)}</span> ${shown}</div>`;
  })}`;
}

function more({ index, trace, details = {} }: AuditEntry): TemplateResult {
  return html`<details>
    <summary>Entry ${index}</summary>
    ${facts([
      ['Trace', trace === undefined ? undefined : html`<code>${trace}</code>`],
      ...Object.entries(details).map(([name, value]) => [words(name), html`<code>${asText(value)}</code>`] as const),
    ])}
  </details>`;
}
