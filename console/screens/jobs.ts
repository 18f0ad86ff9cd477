import { html, nothing } from 'lit-html';
import { get } from '../api.ts';
import { number, plural } from '../format.ts';
import { action, empty, heading, time } from '../parts/basic.ts';
import { partsBar } from '../parts/charts.ts';
import { countParts } from '../parts/counts.ts';
import { icon } from '../parts/icons.ts';
import { jobStatus } from '../parts/status.ts';
import { clearFilters, filter, pager, table } from '../parts/table.ts';
import { to } from '../router.ts';
import { defineScreen, follow } from '../screen.ts';
import { can } from '../session.ts';
import type { Job, Jobs } from '../types.ts';

interface Data {
  readonly jobs: readonly Job[];
  readonly continuation?: string | undefined;
  /** Jobs that came since. They are shown when people ask for them: no row moves under the pointer. */
  readonly newer: readonly Job[];
  readonly search: string;
}

const statuses = [
  ['', 'Any status'],
  ['received,splitting,provisioning,checking', 'Running'],
  ['completed', 'Completed'],
  ['completedWithErrors', 'Completed with errors'],
  ['failed', 'Failed'],
  ['cancelled', 'Cancelled'],
  ['checked', 'Checked (dry run)'],
] as const;

const sources = [
  ['', 'Any source'],
  ['blob', 'Blob storage'],
  ['order', 'Order'],
  ['http', 'HTTP'],
] as const;

export const jobsScreen = defineScreen<Data, object>({
  title: () => 'Jobs',
  local: () => ({}),
  async load({ place, signal, before }) {
    const query = new URLSearchParams(place.query);
    query.set('limit', '50');
    const search = query.toString();
    const { jobs, continuation } = await get<Jobs>(`jobs?${search}`, signal);
    const isSameList = before?.search === search && before.jobs.length > 0;
    const shown = isSameList ? before.jobs : [];
    const left = await Promise.all(leftBehind(shown, jobs).map(({ jobId }) => get<Job>(`jobs/${jobId}`, signal)));
    return {
      search,
      ...merge(shown, [...jobs, ...left]),
      continuation: isSameList ? before.continuation : continuation,
    };
  },
  again: ({ jobs }) => (jobs.some(({ finishedAt }) => finishedAt === undefined) ? 3 : 15),
  view({ place, data, reload }) {
    const { jobs, newer, continuation } = data;
    return html`
      ${heading('Jobs', { above: 'Newest first', actions: can('create-check') ? action(to('/upload'), html`${icon('upload')} Upload a list`, 'primary') : nothing })}
      <div class="filters">
        ${filter(place, 'status', 'Status', statuses, follow)} ${filter(place, 'source', 'Source', sources, follow)}
        ${clearFilters(place)}
      </div>
      ${newer.length === 0 ? nothing : html`<p class="newer"><button type="button" @click=${() => void reload(true)}>Show ${plural(newer.length, 'newer job')}</button></p>`}
      ${
        jobs.length > 0
          ? table('Jobs', columns, jobs, ({ jobId }) => jobId)
          : place.query.size > 0
            ? empty('No job matches these filters.', 'Take a filter off to see more.', clearFilters(place))
            : empty(
                'There are no jobs yet.',
                'Upload a list, send an order, or put a file into the container manifests.',
                can('create-check') ? action(to('/upload'), 'Upload a list', 'primary') : nothing,
              )
      }
      ${pager(place, continuation)}
    `;
  },
});

/**
 * Jobs on the screen that still run as far as it shows, and that the list no longer has: they ended, so they left the filter, or
 * newer ones took their place on the page.
 */
export function leftBehind(shown: readonly Job[], fresh: readonly Job[]): readonly Job[] {
  const listed = new Set(fresh.map(({ jobId }) => jobId));
  return shown.filter(({ jobId, finishedAt }) => finishedAt === undefined && !listed.has(jobId));
}

/** Rows that are on the screen stay where they are, with their new numbers. @param fresh the first page as it is now */
export function merge(
  shown: readonly Job[],
  fresh: readonly Job[],
): { readonly jobs: readonly Job[]; readonly newer: readonly Job[] } {
  if (shown.length === 0) return { jobs: fresh, newer: [] };
  const byId = new Map(fresh.map((job) => [job.jobId, job]));
  const known = new Set(shown.map(({ jobId }) => jobId));
  const latest = shown[0]?.receivedAt ?? '';
  return {
    jobs: shown.map((job) => byId.get(job.jobId) ?? job),
    newer: fresh.filter(({ jobId, receivedAt }) => !known.has(jobId) && receivedAt >= latest),
  };
}

const columns = [
  {
    name: 'Job',
    kind: 'wide' as const,
    cell: ({ jobId, name }: Job) => html`<a href=${to(`/jobs/${jobId}`)}>${name}</a>`,
  },
  {
    name: 'Status',
    cell: ({ status, dryRun }: Job) =>
      html`${jobStatus(status)}${dryRun ? html` <span class="tag">dry run</span>` : nothing}`,
  },
  { name: 'Rows', kind: 'number' as const, cell: ({ counts }: Job) => number(counts.total) },
  {
    name: 'Outcome',
    kind: 'wide' as const,
    cell: (job: Job) =>
      job.counts.total === 0 ? '' : html`<div class="slim">${partsBar('Rows by outcome', countParts(job))}</div>`,
  },
  {
    name: 'Group',
    cell: ({ enrollmentGroup }: Job) =>
      enrollmentGroup === undefined
        ? html`<span class="muted">by row</span>`
        : html`<a href=${to(`/groups/${enrollmentGroup}`)}>${enrollmentGroup}</a>`,
  },
  { name: 'Received', cell: ({ receivedAt }: Job) => time(receivedAt) },
];
