import { html, nothing, type TemplateResult } from 'lit-html';
import { type Answer, call, get, getFile } from '../api.ts';
import { decimal, duration, number, plural, words } from '../format.ts';
import { action, copyable, empty, facts, heading, problemPanel, section, time, timeAgo } from '../parts/basic.ts';
import { countsBar, estimateFacts, outcomesBar } from '../parts/counts.ts';
import { ask } from '../parts/dialog.ts';
import { save } from '../parts/save.ts';
import { jobStatus } from '../parts/status.ts';
import { table } from '../parts/table.ts';
import { to } from '../router.ts';
import { defineScreen, waitOf } from '../screen.ts';
import { can } from '../session.ts';
import { update } from '../store.ts';
import type { ErrorSummary, Job, StartedRetry } from '../types.ts';

interface Data {
  readonly answer: Answer<Job>;
  /** By code; absent while there is none. */
  readonly failures: ErrorSummary | undefined;
}

export const jobScreen = defineScreen<Data, object>({
  title: ({ id = '' }) => `Job ${id.slice(0, 8)}`,
  local: () => ({}),
  async load({ params, signal, before }) {
    const id = encodeURIComponent(params['id'] ?? '');
    const answer = await call<Job>(`jobs/${id}`, { signal });
    if (before !== undefined && answer.body === before.answer.body) return { ...before, answer };
    const { rejected, failed } = answer.body.counts;
    const hasErrors = rejected + failed > 0;
    const failures = hasErrors ? await get<ErrorSummary>(`jobs/${id}/errors/summary`, signal) : undefined;
    return { answer, failures };
  },
  again: ({ answer }) =>
    answer.body.finishedAt === undefined || answer.body.retrying > 0 ? waitOf(answer, 3) : undefined,
  view({ data, reload }) {
    const job = data.answer.body;
    return html`
      ${heading(job.name, {
        above: html`${jobStatus(job.status)}${job.dryRun ? html` <span class="tag">dry run: nothing is issued</span>` : nothing}`,
        actions: actions(job, reload),
      })}
      ${job.reason === undefined ? nothing : problemPanel({ status: 0, title: job.reason.code, detail: job.reason.message, hint: job.reason.hint })}
      ${progress(job)}
      ${job.check === undefined ? nothing : found(job)}
      ${data.failures === undefined ? nothing : failures(job, data.failures)}
      ${section('About this job', about(job))}
      ${job.counts.provisioned + job.counts.unchanged > 0 ? section('Devices', devices(job)) : nothing}
    `;
  },
});

function progress(job: Job): TemplateResult {
  const { counts, percent, rowsPerSecond, remainingSeconds, finishedAt, startedAt, retrying } = job;
  const done = counts.total - counts.waiting;
  const isRunning = finishedAt === undefined;
  const sentence =
    counts.total === 0
      ? isRunning
        ? 'The list is being read.'
        : 'No row was read.'
      : `${number(done)} of ${plural(counts.total, 'row')} done`;
  const rate = isRunning && rowsPerSecond > 0 ? `${decimal(rowsPerSecond)} rows per second` : undefined;
  const rest = isRunning && remainingSeconds !== undefined ? `about ${duration(remainingSeconds)} left` : undefined;
  const took =
    finishedAt !== undefined && startedAt !== undefined
      ? `took ${duration((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000)}`
      : undefined;
  const again = retrying > 0 ? `${plural(retrying, 'row')} in a retry` : undefined;
  const parts = [rate, rest, took, again].filter((part) => part !== undefined);
  // Said aloud at each tenth only (WCAG 4.1.3).
  const spoken = `${Math.floor(percent / 10) * 10} percent of the rows are done`;
  return html`<section class="panel progress-panel" aria-label="Progress">
    <p class="big"><strong>${sentence}</strong>${parts.length > 0 ? html` <span class="muted">${parts.join(' · ')}</span>` : nothing}</p>
    ${countsBar(job)}
    <p class="visually-hidden" role="status">${isRunning ? spoken : `The job has ended: ${words(job.status)}`}</p>
  </section>`;
}

function actions(job: Job, reload: () => Promise<void>): TemplateResult {
  const { jobId, counts, finishedAt } = job;
  const path = `jobs/${jobId}`;
  const cancel = () =>
    ask({
      title: 'Cancel this job?',
      text: `${plural(counts.waiting, 'row')} that wait are dropped. ${plural(counts.provisioned, 'row')} that are provisioned stay so.`,
      confirm: 'Cancel the job',
      danger: true,
      async act() {
        await call(`${path}/cancel`, { method: 'POST' });
        await reload();
      },
    });
  const retry = () =>
    ask({
      title: `Retry ${plural(counts.failed, 'failed row')}?`,
      text: `They are processed again with the same content.${counts.rejected > 0 ? ` ${plural(counts.rejected, 'rejected row')} stay rejected: only their sender can correct them.` : ''}`,
      confirm: `Retry ${plural(counts.failed, 'row')}`,
      async act() {
        const { body } = await call<StartedRetry>(`${path}/retry`, { method: 'POST' });
        update({ notice: { text: `${plural(body.rows, 'row')} are retried.` } });
        await reload();
      },
    });
  return html`
    ${finishedAt === undefined && can('cancel-job') ? html`<button type="button" @click=${cancel}>Cancel</button>` : nothing}
    ${counts.failed > 0 && finishedAt !== undefined && can('retry-job') ? html`<button class="primary" type="button" @click=${retry}>Retry ${plural(counts.failed, 'failed row')}</button>` : nothing}
  `;
}

/** The findings of a dry run. */
function found(job: Job): TemplateResult {
  const { check } = job;
  if (check === undefined) return html``;
  const next = html`<p>
    Nothing was issued. To issue, submit the same list with <code>check=${check.digest.slice(0, 14)}…</code>, or by an upload without a check.
  </p>`;
  return html`${section('What a job would make of the list', html`${outcomesBar(check)}${next}`)}
  ${section('Time and price', estimateFacts(check.estimate))}`;
}

type Sample = ErrorSummary['codes'][number]['first'][number];

const sampleColumns = [
  { name: 'Line', kind: 'number' as const, cell: ({ line }: Sample) => number(line) },
  { name: 'Column', cell: ({ column }: Sample) => (column === undefined ? '' : html`<code>${column}</code>`) },
  { name: 'What is wrong', kind: 'wide' as const, cell: ({ message }: Sample) => message },
];

/** Identical failures together: how many, what to do, the first rows. */
function failures({ jobId }: Job, { codes, complete }: ErrorSummary): TemplateResult {
  const download = () => void save(() => getFile(`jobs/${jobId}/errors?format=csv`, 'text/csv'));
  return section(
    'Rows that were not accepted',
    html`${codes.map(
      ({ code, hint, rows, first }, index) =>
        html`<details class="failure" ?open=${index === 0}>
          <summary><strong>${plural(rows, 'row')}</strong> <code>${code}</code> <span class="hint">${hint}</span></summary>
          ${table(`First rows with ${code}`, sampleColumns, first, ({ line, column }) => `${line} ${column ?? ''}`)}
        </details>`,
    )}
    ${complete ? nothing : html`<p class="muted">Only the first 200 chunks with errors were counted.</p>`}`,
    {
      note: 'Fix these rows in the download and send that file again.',
      actions: html`<button type="button" @click=${download}>Download the rows to fix</button>`,
    },
  );
}

function about(job: Job): TemplateResult {
  const { submittedBy, cancelledBy, retries = [], repairs, warnings, renamedColumns = [] } = job;
  const noted = [
    ...renamedColumns.map(({ written, read }) => `column “${written}” read as ${read}`),
    ...Object.entries(repairs).map(([name, count]) => `${words(name)} × ${number(count)}`),
    ...Object.entries(warnings).map(([name, count]) => `check: ${words(name)} × ${number(count)}`),
  ];
  return facts([
    ['Id', copyable(job.jobId)],
    ['Source', { blob: 'blob storage', order: 'order', http: 'HTTP' }[job.source]],
    [
      'Group of rows that name none',
      job.enrollmentGroup === undefined
        ? undefined
        : html`<a href=${to(`/groups/${job.enrollmentGroup}`)}>${job.enrollmentGroup}</a>`,
    ],
    [
      'Existing devices',
      { reject: 'refused', replace: 'replaced if the content differs', reissue: 'issued again' }[job.onConflict],
    ],
    ['Received', timeAgo(job.receivedAt)],
    ['Ended', job.finishedAt === undefined ? undefined : timeAgo(job.finishedAt)],
    ['Submitted by', submittedBy?.by],
    ['Cancelled by', cancelledBy === undefined ? undefined : html`${cancelledBy.by}, ${time(cancelledBy.at)}`],
    [
      'Retries',
      retries.length === 0
        ? undefined
        : html`${retries.map(({ by, at, rows }) => html`<div>${time(at)}: ${plural(rows, 'row')}, ${by}</div>`)}`,
    ],
    ['Repaired by the reader', noted.length === 0 ? undefined : noted.join('; ')],
    ['Sender’s keys', job.reference === undefined ? undefined : html`<code>${JSON.stringify(job.reference)}</code>`],
    ['Chunks', number(job.chunks)],
  ]);
}

function devices({ jobId }: Job): TemplateResult {
  const download = () => void save(() => getFile(`jobs/${jobId}/results?format=csv`, 'text/csv'));
  return empty(
    'Each device has a page with its certificate and bundle.',
    html`<span class="actions">${action(to('/devices', { job: jobId }), 'Devices of this job', 'primary')}
      <button type="button" @click=${download}>Download the results</button></span>`,
  );
}
