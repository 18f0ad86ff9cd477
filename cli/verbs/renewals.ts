import { createHash } from 'node:crypto';
import { answered, type Schemas } from '../api.ts';
import type { Context } from '../context.ts';
import { CliError, exitCodes } from '../errors.ts';
import { checkLines, jobLines } from '../job-view.ts';
import { asIs } from '../list-file.ts';
import type { Column } from '../output.ts';
import { plural } from '../text.ts';

type Group = Schemas['Renewals']['groups'][number];
type Day = Group['days'][number] & Pick<Group, 'enrollmentGroup'>;

const groupColumns: readonly Column<Group>[] = [
  { name: 'group', value: ({ enrollmentGroup }) => enrollmentGroup },
  { name: 'by', value: ({ by }) => by },
  { name: 'due', value: ({ due }) => due },
  { name: 'waiting', value: ({ waiting }) => waiting },
  { name: 'done', value: ({ done }) => done },
  { name: 'failed', value: ({ failed }) => failed },
  { name: 'late', value: ({ late }) => late },
  { name: 'reissue', value: ({ reissue }) => reissue?.devices ?? 0 },
];

const dayColumns: readonly Column<Day>[] = [
  { name: 'group', value: ({ enrollmentGroup }) => enrollmentGroup },
  { name: 'day', value: ({ day }) => day },
  { name: 'due', value: ({ due }) => due },
  { name: 'waiting', value: ({ waiting }) => waiting },
  { name: 'done', value: ({ done }) => done },
];

export async function listRenewals(context: Context, { days }: { readonly days?: true | undefined }) {
  const { client } = await context.api();
  const { groups, observedAt } = await answered(client.GET('/renewals', {}));
  if (days) {
    const rows = groups.flatMap(({ enrollmentGroup, days: own }) => own.map((each) => ({ enrollmentGroup, ...each })));
    await context.output.rows(dayColumns, rows);
  } else {
    await context.output.rows(groupColumns, groups);
  }
  context.say(`Counts of ${observedAt}.`);
  for (const { enrollmentGroup, reissue } of groups) {
    if (reissue === undefined) continue;
    const list = reissue.needsCsr ? ' --list' : '';
    context.say(`next: fleet renewals reissue ${enrollmentGroup} --before ${reissue.before}${list}`);
  }
  return undefined;
}

interface ReissueOptions {
  readonly before: string;
  readonly list?: true | undefined;
  readonly yes?: true | undefined;
}

/** Submits the devices of a group that have to be issued again, after it has shown what that means. */
export async function reissue(context: Context, enrollmentGroup: string, { before, list, yes }: ReissueOptions) {
  const { client } = await context.api();
  const query = { enrollmentGroup, before };
  const rows = String(await answered(client.GET('/renewals/list', { params: { query }, parseAs: 'text' })));
  return submitRows(context, rows, {
    ...{ list, yes, of: `of group ${enrollmentGroup}` },
    none: `No device of group ${enrollmentGroup} ends before ${before} and has to be issued again.`,
    listed: `fleet renewals reissue ${enrollmentGroup} --before ${before} --list`,
  });
}

interface Rows extends Pick<ReissueOptions, 'list' | 'yes'> {
  /** Which devices they are, behind "device". */
  readonly of: string;
  /** What to say when there are none. */
  readonly none: string;
  /** The command that writes them. */
  readonly listed: string;
}

/** Submits rows of devices that have to be issued again, after it has shown what that means, or writes them. */
export async function submitRows(context: Context, rows: string, { of, none, listed, list, yes }: Rows) {
  const { client } = await context.api();
  if (list) {
    await context.output.raw(rows);
    return undefined;
  }
  const devices = rows.split('\n').length - 1;
  if (devices === 0) {
    context.say(none);
    return undefined;
  }
  if (rows.includes('"csr":""')) {
    throw new CliError(exitCodes.failed, `Devices ${of} make their keys, so each row needs a csr.`, { next: listed });
  }
  const body = asIs({ body: new Blob([rows]), mediaType: 'application/x-ndjson' });
  const check = await answered(client.POST('/checks', { params: { query: { onConflict: 'reissue' } }, ...body }));
  for (const line of 'outcomes' in check ? checkLines(check) : []) {
    context.say(typeof line === 'string' ? line : `${line[0]}  ${line[1] ?? ''}`);
  }
  await context.confirm(`Issue ${plural(devices, 'device')} ${of} again?`, { yes });
  // The same devices with the same certificates are the same job.
  const key = createHash('sha256').update(`${listed}\n${rows}`).digest('hex');
  const params = { query: { onConflict: 'reissue' as const }, header: { 'idempotency-key': key } };
  const job = await answered(client.POST('/jobs', { params, ...body }));
  await context.output.one(job, jobLines);
  context.say(`next: fleet job watch ${job.jobId}`);
  return undefined;
}
