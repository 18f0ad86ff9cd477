import { html, nothing, type TemplateResult } from 'lit-html';
import { call, get } from '../api.ts';
import { asText, plural, words } from '../format.ts';
import { empty, facts, heading, time, timeAgo } from '../parts/basic.ts';
import { ask } from '../parts/dialog.ts';
import { severity } from '../parts/status.ts';
import { clearFilters, filter, pager } from '../parts/table.ts';
import { to } from '../router.ts';
import { defineScreen, follow } from '../screen.ts';
import { can } from '../session.ts';
import { update } from '../store.ts';
import type { Finding, Findings } from '../types.ts';

const states = [
  ['', 'Open'],
  ['accepted', 'Accepted'],
  ['repaired', 'Repaired, not seen since'],
  ['gone', 'Gone'],
] as const;

const severities = [
  ['', 'Any severity'],
  ['critical', 'Critical'],
  ['high', 'High'],
  ['medium', 'Medium'],
  ['low', 'Low'],
] as const;

export const findingsScreen = defineScreen<Findings, object>({
  title: () => 'Findings',
  local: () => ({}),
  load({ place, signal }) {
    const query = new URLSearchParams(place.query);
    query.set('limit', '50');
    return get<Findings>(`findings?${query}`, signal);
  },
  view({ place, data, reload }) {
    const { findings, continuation } = data;
    return html`
      ${heading('Findings', { above: 'Where Azure differs from the records, as the nightly sweep saw it' })}
      <div class="filters">
        ${filter(place, 'state', 'State', states, follow)} ${filter(place, 'severity', 'Severity', severities, follow)} ${clearFilters(place)}
      </div>
      ${
        findings.length > 0
          ? html`<div class="cards">${findings.map((finding) => card(finding, reload))}</div>`
          : place.query.size > 0
            ? empty('No finding matches these filters.', 'Take a filter off to see more.', clearFilters(place))
            : empty('Nothing differs.', 'At the last sweep, Azure was as the records say. There is nothing to do.')
      }
      ${pager(place, continuation)}
    `;
  },
});

function card(finding: Finding, reload: () => Promise<void>): TemplateResult {
  const { id, kind, subject, meaning, remedy, firstSeen, lastSeen, acts, state, expected, seen } = finding;
  return html`<article class="panel finding" aria-labelledby="finding-${id}">
    <header>
      <div>
        <p class="above">${severity(finding.severity)} <span class="tag">${words(kind)}</span></p>
        <h2 id="finding-${id}">${subjectLink(finding)}</h2>
      </div>
      ${decisions(finding, reload)}
    </header>
    <p>${meaning}</p>
    <p><strong>What to do:</strong> ${remedy}</p>
    <div class="compare">${values('The records say', expected)} ${values('Azure has', seen)}</div>
    ${facts([
      ['Seen first', timeAgo(firstSeen)],
      ['Seen last', timeAgo(lastSeen)],
      ['State', state],
      ['Group', subject.enrollmentGroup],
    ])}
    ${acts.length === 0 ? nothing : html`<details><summary>${plural(acts.length, 'act')}</summary><ul>${acts.map(({ act, by, at, reason }) => html`<li>${time(at)}: ${act} by ${by}${reason === undefined ? '' : `: “${reason}”`}</li>`)}</ul></details>`}
  </article>`;
}

/** Ids that Azure has and no record knows can hold `?`, `#` and `%`. */
export function subjectLink({ subject }: Pick<Finding, 'subject'>): TemplateResult {
  const { type, id } = subject;
  const name = html`<span class="id">${id}</span>`;
  const part = encodeURIComponent(id);
  if (type === 'device') return html`Device <a href=${to(`/devices/${part}`)}>${name}</a>`;
  if (type === 'group') return html`Group <a href=${to(`/groups/${part}`)}>${name}</a>`;
  return html`${type === 'ca' ? 'CA' : 'Archive'} ${name}`;
}

function values(title: string, members: Readonly<Record<string, unknown>>): TemplateResult {
  return html`<div>
    <h3>${title}</h3>
    ${Object.keys(members).length === 0 ? html`<p class="muted">nothing</p>` : facts(Object.entries(members).map(([name, value]) => [words(name), html`<code>${asText(value)}</code>`]))}
  </div>`;
}

function decisions({ id, subject, repair, remedy, state }: Finding, reload: () => Promise<void>): TemplateResult {
  const path = `findings/${encodeURIComponent(id)}`;
  const act = (verb: 'repair' | 'accept', said: string) => async (reason: string) => {
    await call(`${path}/${verb}`, { method: 'POST', json: { reason } });
    update({ notice: { text: said } });
    await reload();
  };
  const startRepair = () =>
    ask({
      title: `Repair ${subject.id}?`,
      text: remedy,
      confirm: 'Repair',
      reason: true,
      act: act('repair', 'Repaired. The next sweep says whether it is gone.'),
    });
  const startAccept = () =>
    ask({
      title: `Accept this for ${subject.id}?`,
      text: 'It stays quiet until what is expected or seen changes.',
      confirm: 'Accept',
      reason: true,
      act: act('accept', 'Accepted. It opens again when it changes.'),
    });
  const isOpen = state === 'open' || state === 'accepted';
  const canRepair = isOpen && repair !== 'none' && can('repair-finding', subject.enrollmentGroup);
  const canAccept = state === 'open' && repair !== 'self' && can('accept-finding', subject.enrollmentGroup);
  return html`<div class="actions">
    ${canRepair ? html`<button class="primary" type="button" @click=${startRepair}>Repair …</button>` : nothing}
    ${canAccept ? html`<button type="button" @click=${startAccept}>Accept …</button>` : nothing}
  </div>`;
}
