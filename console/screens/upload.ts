import { html, nothing, type TemplateResult } from 'lit-html';
import { call, get } from '../api.ts';
import { bytes, number, plural, words } from '../format.ts';
import { action, empty, heading, problemOf, problemPanel, section } from '../parts/basic.ts';
import { estimateFacts, outcomesBar } from '../parts/counts.ts';
import { icon } from '../parts/icons.ts';
import { table } from '../parts/table.ts';
import { go, to } from '../router.ts';
import { defineScreen, type Page } from '../screen.ts';
import { can } from '../session.ts';
import { update } from '../store.ts';
import type { Check, EnrollmentGroups, Job, Problem } from '../types.ts';

/*
 * A list is checked first, and nothing is spent. The confirmation names what will be issued, and the job runs only if the list,
 * its groups and its devices are still as they were checked.
 */

interface Local {
  readonly file?: File | undefined;
  readonly group: string;
  readonly onConflict: 'reject' | 'replace' | 'reissue';
  readonly adopt: boolean;
  readonly step: 'choose' | 'checking' | 'checked' | 'submitting';
  readonly check?: Check | undefined;
  readonly problem?: Problem | undefined;
  readonly isOver: boolean;
  /** Repeating a request with the same key is safe. */
  readonly key: string;
}

type Screen = Page<EnrollmentGroups, Local>;

const mediaTypes: readonly (readonly [RegExp, string])[] = [
  [/\.csv$/i, 'text/csv'],
  [/\.(ndjson|jsonl)$/i, 'application/x-ndjson'],
  [/\.xlsx$/i, 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'],
];

export const uploadScreen = defineScreen<EnrollmentGroups, Local>({
  title: () => 'Upload',
  local: () => ({
    group: '',
    onConflict: 'reject',
    adopt: false,
    step: 'choose',
    isOver: false,
    key: crypto.randomUUID(),
  }),
  load: ({ signal }) => get<EnrollmentGroups>('enrollment-groups', signal),
  view(page) {
    const { data, local } = page;
    const intro = heading('Upload a list of devices', {
      above: 'One row per device, as CSV, Excel workbook or NDJSON',
    });
    if (!can('create-check'))
      return html`${intro}${empty('Your role does not submit lists.', 'Ask for the role submitter.')}`;
    if (data.enrollmentGroups.length === 0) return html`${intro}${noGroups()}`;
    return html`
      ${intro} ${steps(local.step)}
      ${local.problem === undefined ? nothing : problemPanel(local.problem)}
      ${local.check === undefined ? choice(page) : checked(page, local.check)}
    `;
  },
});

function noGroups(): TemplateResult {
  const next = can('put-enrollment-group')
    ? action(to('/groups/new'), 'Declare a group', 'primary')
    : html`<p>Ask an operator to declare one.</p>`;
  return empty(
    'There is no enrollment group yet.',
    'Devices belong to one: it says how they keep their keys and what they install.',
    next,
  );
}

function steps(step: Local['step']): TemplateResult {
  const at = step === 'choose' || step === 'checking' ? 0 : 1;
  const names = ['Choose and check', 'Confirm'];
  return html`<ol class="progress">
    ${names.map((name, index) => html`<li class=${index < at ? 'done' : ''} aria-current=${index === at ? 'step' : nothing}>${name}</li>`)}
  </ol>`;
}

function choice(page: Screen): TemplateResult {
  const { data, local, set } = page;
  const { file, group, onConflict, adopt, step } = local;
  const take = (chosen: File | undefined) =>
    set({ file: chosen, problem: undefined, isOver: false, key: crypto.randomUUID() });
  const drop = (event: DragEvent) => {
    event.preventDefault();
    take(event.dataTransfer?.files[0]);
  };
  const over = (isOver: boolean) => (event: DragEvent) => {
    event.preventDefault();
    if (local.isOver !== isOver) set({ isOver });
  };
  return html`<form class="panel upload" @submit=${(event: Event) => void startCheck(event, page)}>
    <div class="drop ${local.isOver ? 'over' : ''}" @dragover=${over(true)} @dragleave=${over(false)} @drop=${drop}>
      ${icon('upload')}
      <p>
        ${file === undefined ? html`Drop a list here, or choose it.` : html`<strong>${file.name}</strong> <span class="muted">${bytes(file.size)}</span>`}
      </p>
      <label class="button"
        >${file === undefined ? 'Choose a file' : 'Choose another'}<input
          class="visually-hidden" type="file" name="file" accept=".csv,.xlsx,.ndjson,.jsonl,text/csv"
          @change=${(event: Event) => take((event.target as HTMLInputElement).files?.[0])}
      /></label>
    </div>
    <label class="field"
      ><span>Enrollment group of rows that name none</span>
      <select name="group" @change=${(event: Event) => set({ group: (event.target as HTMLSelectElement).value })}>
        <option value="" ?selected=${group === ''}>The list names the group of each row</option>
        ${data.enrollmentGroups.map(({ id }) => html`<option value=${id} ?selected=${id === group}>${id}</option>`)}
      </select>
    </label>
    <details ?open=${onConflict !== 'reject' || adopt}>
      <summary>For devices that exist already</summary>
      <fieldset>
        <legend class="visually-hidden">For devices that exist already</legend>
        ${policies.map(
          ([value, text]) =>
            html`<label class="choice"
              ><input type="radio" name="onConflict" .checked=${value === onConflict} @change=${() => set({ onConflict: value })} />
              <span>${text}</span></label
            >`,
        )}
        <label class="choice"
          ><input type="checkbox" name="adopt" .checked=${adopt} @change=${() => set({ adopt: !adopt })} />
          <span>Replace enrollments that DPS has and that this deployment did not create</span></label
        >
      </fieldset>
    </details>
    <div class="actions">
      <button class="primary" ?disabled=${file === undefined || step === 'checking'}>
        ${step === 'checking' ? 'Checking …' : 'Check the list'}
      </button>
      <span class="muted" role="status">${step === 'checking' ? 'Every row is read. Nothing is spent.' : file === undefined ? 'Choose a file first.' : ''}</span>
    </div>
  </form>`;
}

const policies: readonly (readonly [Local['onConflict'], string])[] = [
  ['reject', 'Refuse rows with other content than the device has'],
  ['replace', 'Replace devices whose content differs: new certificate and bundle'],
  ['reissue', 'Issue all again, also without a change: new certificates and bundles'],
];

/** The same query for the check and for the job. */
function queryOf({ group, onConflict, adopt }: Local, check?: string): string {
  const members = {
    ...(group !== '' && { enrollmentGroup: group }),
    ...(onConflict !== 'reject' && { onConflict }),
    ...(adopt && { adopt: 'true' }),
    ...(check !== undefined && { check }),
  };
  const text = new URLSearchParams(members).toString();
  return text === '' ? '' : `?${text}`;
}

const typeOf = (file: File) => mediaTypes.find(([ending]) => ending.test(file.name))?.[1] ?? 'application/octet-stream';

async function startCheck(event: Event, { local, set }: Screen): Promise<void> {
  event.preventDefault();
  const { file } = local;
  if (file === undefined) return;
  set({ step: 'checking', problem: undefined });
  try {
    const headers = { 'content-type': typeOf(file) };
    const { body } = await call<Check | Job>(`checks${queryOf(local)}`, { method: 'POST', body: file, headers });
    if ('jobId' in body) {
      // A long list is checked by a job that provisions nothing.
      update({ notice: { text: 'The list is long: a dry run checks it.' } });
      go(to(`/jobs/${body.jobId}`));
      return;
    }
    set({ step: 'checked', check: body });
  } catch (error) {
    set({ step: 'choose', problem: problemOf(error) });
  }
}

function checked(page: Screen, check: Check): TemplateResult {
  const { local, set } = page;
  const { outcomes, faults, rows } = check;
  const { certificates } = check.estimate;
  const back = () => set({ step: 'choose', check: undefined, problem: undefined });
  return html`
    ${section(
      `${plural(rows, 'row')} in ${local.file?.name ?? 'the list'}`,
      html`${outcomesBar(check)}${notes(check)}`,
    )}
    ${faults.length === 0 ? nothing : faultList(check)}
    ${certificates === 0 ? nothing : section('Time and price', estimateFacts(check.estimate))}
    <div class="panel confirm">
      <p>
        ${
          certificates === 0
            ? 'There is nothing to issue in this list.'
            : html`This issues <strong>${plural(certificates, 'certificate')}</strong> for
                ${plural(check.estimate.devices, 'device')}.${outcomes.refused > 0 ? ` ${plural(outcomes.refused, 'row')} with faults will be rejected.` : ''}`
        }
      </p>
      <div class="actions">
        ${
          certificates > 0 && can('submit-job')
            ? html`<button class="primary" type="button" ?disabled=${local.step === 'submitting'} @click=${() => void submit(page, check)}>
                ${local.step === 'submitting' ? 'Submitting …' : `Issue ${plural(certificates, 'certificate')}`}
              </button>`
            : nothing
        }
        <button type="button" @click=${back}>Choose another list</button>
      </div>
    </div>
  `;
}

/** Repairs and doubts of the reader. They are shown before anything is spent. */
function notes({ repairs, warnings, renamedColumns = [] }: Check): TemplateResult | typeof nothing {
  const lines = [
    ...renamedColumns.map(({ written, read }) => `The column “${written}” is read as ${read}.`),
    ...Object.entries(repairs).map(([name, count]) => `Repaired ${number(count)} ×: ${words(name)}.`),
    ...Object.entries(warnings).map(([name, count]) => `Check ${number(count)} ×: ${words(name)}.`),
  ];
  return lines.length === 0 ? nothing : html`<ul class="notes">${lines.map((line) => html`<li>${line}</li>`)}</ul>`;
}

function faultList({ faults, outcomes }: Check): TemplateResult {
  const rows = faults.flatMap(({ code, rows: count, first }) =>
    first.map((fault, index) => ({ ...fault, code, count, isFirst: index === 0 })),
  );
  const columns = [
    {
      name: 'Code',
      cell: ({ code, count, isFirst }: (typeof rows)[number]) =>
        isFirst ? html`<code>${code}</code> <span class="muted">${plural(count, 'row')}</span>` : '',
    },
    { name: 'Line', kind: 'number' as const, cell: ({ line }: (typeof rows)[number]) => number(line) },
    {
      name: 'Column',
      cell: ({ column }: (typeof rows)[number]) => (column === undefined ? '' : html`<code>${column}</code>`),
    },
    { name: 'What is wrong', kind: 'wide' as const, cell: ({ message }: (typeof rows)[number]) => message },
  ];
  return section(
    `${plural(outcomes.refused, 'row')} with faults`,
    table('Faults', columns, rows, ({ code, line, column }) => `${code} ${line} ${column}`),
    { note: 'The first five of each code. Fix them in the list, or go on without these rows.' },
  );
}

async function submit({ local, set }: Screen, check: Check): Promise<void> {
  const { file, key } = local;
  if (file === undefined) return;
  set({ step: 'submitting', problem: undefined });
  try {
    const headers = { 'content-type': typeOf(file), 'idempotency-key': key };
    const path = `jobs${queryOf(local, check.digest)}`;
    const { body } = await call<{ readonly jobId: string }>(path, { method: 'POST', body: file, headers });
    go(to(`/jobs/${body.jobId}`));
  } catch (error) {
    set({ step: 'checked', problem: problemOf(error) });
  }
}
