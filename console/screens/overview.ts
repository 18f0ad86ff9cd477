import { html, nothing, type TemplateResult } from 'lit-html';
import { get } from '../api.ts';
import { number, plural, shortDay } from '../format.ts';
import { action, empty, heading, section, time } from '../parts/basic.ts';
import { columns, meter, partsBar } from '../parts/charts.ts';
import { icon } from '../parts/icons.ts';
import { deviceTones, type Tone } from '../parts/status.ts';
import { to } from '../router.ts';
import { defineScreen } from '../screen.ts';
import { can } from '../session.ts';
import { current } from '../store.ts';
import type { DeviceStatus, Health, Summary } from '../types.ts';

interface Data {
  readonly summary: Summary;
  /** Absent for a caller who may not ask, or when it could not be asked. */
  readonly health: Health | undefined;
}

/** Urgent matters first, then counts that are links, then the jobs of two weeks. */
export const overviewScreen = defineScreen<Data, object>({
  title: () => 'Overview',
  local: () => ({}),
  async load({ signal, before }) {
    const summary = get<Summary>('summary', signal);
    // It tries every dependency, so it is asked once per visit.
    const health =
      before?.health ?? (can('health') ? await get<Health>('health', signal).catch(() => undefined) : undefined);
    return { summary: await summary, health };
  },
  again: () => 15,
  view({ data: { summary, health } }) {
    const { devices, groups } = summary;
    return html`
      ${heading('Overview', { actions: can('create-check') ? action(to('/upload'), html`${icon('upload')} Upload a list`, 'primary') : nothing })}
      ${isNew(summary) ? firstSteps(summary) : nothing} ${attention(summary, health)}
      <ul class="tiles">
        ${tile('Devices', devices.total, to('/devices'), `${number(devices.byStatus.assigned)} assigned to a hub`)}
        ${tile('Jobs running', summary.jobs.running, to('/jobs', { status: 'received,splitting,provisioning,checking' }), lastDay(summary))}
        ${tile('Certificates ending', summary.certificates.within30Days, to('/devices', { expires: '30' }), 'within 30 days')}
        ${tile('Groups', groups.enrolled, to('/groups'), `enrolled in DPS${groups.pending.length > 0 ? `, ${groups.pending.length} pending` : ''}`)}
      </ul>
      <div class="two">
        ${jobsOfDays(summary)} ${devicesByStatus(summary)} ${certificatesEnding(summary)} ${devicesByGroup(summary)}
      </div>
    `;
  },
});

/** Whether no list was submitted yet: the first steps are shown until then. */
export function isNew({ devices, jobs }: Summary): boolean {
  const submitted = jobs.days.flatMap(({ byStatus }) => Object.values(byStatus)).reduce((sum, count) => sum + count, 0);
  return devices.total === 0 && submitted === 0;
}

function firstSteps({ groups }: Summary): TemplateResult {
  const hasGroup = groups.enrolled + groups.pending.length + groups.refused.length > 0;
  return html`<section class="panel steps" aria-label="First steps">
    <h2>Three steps to the first device</h2>
    <ol>
      <li>
        <strong>Declare an enrollment group.</strong> It says how devices keep their keys and what they install.
        ${
          hasGroup
            ? html`<span class="good">${icon('good')} Done</span>`
            : can('put-enrollment-group')
              ? html`<a href=${to('/groups/new')}>Declare a group</a>`
              : nothing
        }
      </li>
      <li>
        <strong>Upload a list of devices.</strong> It is checked first, and nothing is spent until you confirm.
        ${can('create-check') ? html`<a href=${to('/upload')}>Upload a list</a>` : nothing}
      </li>
      <li><strong>Install the bundles.</strong> Each device joins by itself, and you see it here.</li>
    </ol>
  </section>`;
}

interface Item {
  readonly tone: Tone;
  readonly text: string;
  readonly href?: string;
}

/** Matters that need a person, the most urgent first. */
export function attentionItems({ findings, deadLetters, groups, certificates, jobs, devices }: Summary): Item[] {
  const { bySeverity } = findings;
  const urgent = bySeverity.critical + bySeverity.high;
  const cas = groups.endingCas.map(({ group, certificate, days }): Item => {
    const when = days < 0 ? 'has ended' : `ends in ${plural(days, 'day')}`;
    return {
      tone: days < 30 ? 'bad' : 'warn',
      text: `The ${certificate} of ${group} ${when}.`,
      href: to(`/groups/${group}`),
    };
  });
  const failedJobs = jobs.lastDay.byStatus.failed;
  const items: (Item | false)[] = [
    urgent > 0 && {
      tone: 'bad',
      text: `${plural(urgent, 'urgent finding')}: Azure differs from the records.`,
      href: to('/findings'),
    },
    ...groups.refused.map(
      (id): Item => ({ tone: 'bad', text: `DPS refused the group ${id}.`, href: to(`/groups/${id}`) }),
    ),
    (deadLetters?.total ?? 0) > 0 && {
      tone: 'bad',
      text: `${plural(deadLetters?.total ?? 0, 'message')} failed for good.`,
      href: to('/dead-letters'),
    },
    failedJobs > 0 && {
      tone: 'bad',
      text: `${plural(failedJobs, 'job')} of the last day failed.`,
      href: to('/jobs', { status: 'failed', since: jobs.lastDay.since }),
    },
    ...cas,
    certificates.ended > 0 && {
      tone: 'bad',
      text: `${plural(certificates.ended, 'device')} with a certificate that has ended.`,
      href: to('/devices', { expires: '0' }),
    },
    certificates.within30Days > 0 && {
      tone: 'warn',
      text: `${plural(certificates.within30Days, 'device')} with a certificate that ends within 30 days.`,
      href: to('/devices', { expires: '30' }),
    },
    devices.byStatus.failed > 0 && {
      tone: 'warn',
      text: `${plural(devices.byStatus.failed, 'device')} failed and can be retried with their job.`,
      href: to('/devices', { status: 'failed' }),
    },
    devices.byStatus.closing > 0 && {
      tone: 'warn',
      text: `${plural(devices.byStatus.closing, 'device')} with a door that is not closed yet.`,
      href: to('/devices', { status: 'closing' }),
    },
    findings.total > urgent && {
      tone: 'warn',
      text: `${plural(findings.total - urgent, 'other finding')} to decide on.`,
      href: to('/findings'),
    },
    ...groups.pending.map(
      (id): Item => ({
        tone: 'busy',
        text: `The group ${id} waits for DPS or for an operator.`,
        href: to(`/groups/${id}`),
      }),
    ),
  ];
  return items.filter((item) => item !== false);
}

function attention(summary: Summary, health: Health | undefined): TemplateResult {
  const failing = (health?.checks ?? []).filter(({ ok }) => !ok);
  const items: Item[] = [
    ...failing.map(({ name, problem }): Item => ({ tone: 'bad', text: `${name}: ${problem ?? 'fails'}` })),
    ...attentionItems(summary),
  ];
  const line = ({ tone, text, href }: Item) => html`<li class=${tone}>
    ${icon(tone)}
    ${href === undefined ? html`<span>${text}</span>` : html`<a href=${href}>${text}</a>`}
  </li>`;
  const calm = html`<p class="calm">${icon('good')} Nothing needs attention.</p>`;
  return section('Needs attention', items.length === 0 ? calm : html`<ul class="attention">${items.map(line)}</ul>`);
}

function tile(name: string, count: number, href: string, note: string): TemplateResult {
  return html`<li><a href=${href}><span class="name">${name}</span><strong>${number(count)}</strong><span class="muted">${note}</span></a></li>`;
}

function lastDay({ jobs }: Summary): string {
  const { completed, completedWithErrors } = jobs.lastDay.byStatus;
  return `${number(completed + completedWithErrors)} completed in the last day`;
}

const outcomes = [
  { name: 'completed', statuses: ['completed', 'checked'], tone: 'good' },
  { name: 'with errors', statuses: ['completedWithErrors'], tone: 'warn' },
  { name: 'failed', statuses: ['failed'], tone: 'bad' },
  { name: 'other', statuses: ['received', 'splitting', 'provisioning', 'checking', 'cancelled'], tone: 'off' },
] as const;

function jobsOfDays({ jobs }: Summary): TemplateResult {
  const stacks = jobs.days.map(({ day, byStatus }) => ({
    name: shortDay(day, true),
    parts: outcomes.map(({ name, statuses, tone }) => ({
      ...{ name, tone },
      count: statuses.reduce((sum, status) => sum + byStatus[status], 0),
    })),
  }));
  const legend = html`<ul class="legend">
    ${outcomes.map(({ name, tone }) => html`<li><span class="swatch ${tone}" aria-hidden="true"></span>${name}</li>`)}
  </ul>`;
  return section('Jobs of two weeks', html`${columns('Jobs by day and outcome', stacks)}${legend}`, {
    note: current().utc ? 'Days in UTC' : 'Days in UTC, as the app counts them',
  });
}

function devicesByStatus({ devices }: Summary): TemplateResult {
  const statuses = Object.entries(devices.byStatus) as [DeviceStatus, number][];
  const parts = statuses.map(([name, count]) => ({
    ...{ name, count, tone: deviceTones[name] },
    href: to('/devices', { status: name }),
  }));
  const content =
    devices.total === 0
      ? empty('No devices yet.', 'They are here as soon as a job has provisioned them.')
      : partsBar('Devices by status', parts);
  return section('Devices by status', content, { note: html`counted at ${time(devices.observedAt)}` });
}

function certificatesEnding({ certificates }: Summary): TemplateResult {
  const { ended, within30Days, within90Days } = certificates;
  const rows = [
    { name: 'Ended', count: ended, days: '0', tone: 'bad' },
    { name: 'Within 30 days', count: within30Days, days: '30', tone: 'warn' },
    { name: 'In 31 to 90 days', count: within90Days - within30Days, days: '90', tone: 'busy' },
  ] as const;
  const most = Math.max(...rows.map(({ count }) => count), 1);
  return section(
    'Certificates of devices that end',
    html`<ul class="meters">
      ${rows.map(
        ({ name, count, days, tone }) =>
          html`<li>
            <a href=${to('/devices', { expires: days })}>${name}</a>
            ${meter(count, most, tone)}
            <strong>${number(count)}</strong>
          </li>`,
      )}
    </ul>`,
  );
}

function devicesByGroup({ devices }: Summary): TemplateResult {
  const groups = devices.byGroup.toSorted((a, b) => b.total - a.total).slice(0, 8);
  const most = Math.max(...groups.map(({ total }) => total), 1);
  const content =
    groups.length === 0
      ? empty('No group has devices.', 'Upload a list to provision the first ones.')
      : html`<ul class="meters">
          ${groups.map(
            ({ enrollmentGroup, total }) =>
              html`<li>
                <a href=${to(`/groups/${enrollmentGroup}`)}>${enrollmentGroup}</a>
                ${meter(total, most, 'accent')}
                <strong>${number(total)}</strong>
              </li>`,
          )}
        </ul>`;
  return section('Largest groups', content);
}
