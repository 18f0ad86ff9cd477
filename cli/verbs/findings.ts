import { answered, type Schemas } from '../api.ts';
import type { Context } from '../context.ts';
import type { Column, Line } from '../output.ts';
import { writeList } from '../paging.ts';

type Finding = Schemas['Finding'];

const columns: readonly Column<Finding>[] = [
  { name: 'severity', value: ({ severity }) => severity, kind: 'status' },
  { name: 'kind', value: ({ kind }) => kind },
  { name: 'subject', value: ({ subject }) => `${subject.type} ${subject.id}` },
  { name: 'repair', value: ({ repair }) => repair },
  { name: 'state', value: ({ state }) => state },
  { name: 'first seen', value: ({ firstSeen }) => firstSeen, kind: 'time' },
  { name: 'id', value: ({ id }) => id },
];

interface ListOptions {
  readonly kind?: string | undefined;
  readonly severity?: Finding['severity'] | undefined;
  readonly state?: Finding['state'] | undefined;
  readonly group?: string | undefined;
  readonly limit?: number | undefined;
}

export async function listFindings(context: Context, { limit, ...filter }: ListOptions): Promise<undefined> {
  const { client } = await context.api();
  await writeList(context, columns, limit, async (page) => {
    const query = { ...page, ...(filter as { kind?: Finding['kind'] }) };
    const { findings, continuation } = await answered(client.GET('/findings', { params: { query } }));
    return { items: findings, continuation };
  });
  return undefined;
}

export async function showFinding({ api, output, say }: Context, findingId: string): Promise<undefined> {
  const { client } = await api();
  const finding = await answered(client.GET('/findings/{findingId}', { params: { path: { findingId } } }));
  await output.one(finding, findingLines);
  if (finding.state === 'open' && finding.repair !== 'none')
    say(`next: fleet finding repair ${findingId} --reason TEXT`);
  return undefined;
}

/** The verb that repairs or accepts a finding. */
export function actOnFinding(act: 'repair' | 'accept') {
  return async ({ api, output }: Context, findingId: string, { reason }: { reason: string }): Promise<undefined> => {
    const { client } = await api();
    const request = { params: { path: { findingId } }, body: { reason } };
    const path = act === 'repair' ? '/findings/{findingId}/repair' : '/findings/{findingId}/accept';
    const finding = await answered(client.POST(path, request));
    await output.one(finding, findingLines);
    return undefined;
  };
}

function findingLines(finding: Finding): Line[] {
  return [
    ['finding', finding.id],
    ['severity', finding.severity, 'status'],
    ['state', finding.state],
    ['subject', `${finding.subject.type} ${finding.subject.id}`],
    ['group', finding.subject.enrollmentGroup],
    ['meaning', finding.meaning],
    ['expected', JSON.stringify(finding.expected)],
    ['seen', JSON.stringify(finding.seen)],
    ['remedy', finding.remedy],
    ['first seen', finding.firstSeen, 'time'],
    ['last seen', finding.lastSeen, 'time'],
    ...finding.acts.map(({ act, by, reason }): Line => [act, `by ${by}${reason === undefined ? '' : `: ${reason}`}`]),
  ];
}
