import { answered, type Schemas } from '../api.ts';
import type { Context } from '../context.ts';
import type { Column } from '../output.ts';
import { writeList } from '../paging.ts';

type Entry = Schemas['AuditEntry'];

const columns: readonly Column<Entry>[] = [
  { name: 'at', value: ({ at }) => at, kind: 'time' },
  { name: 'action', value: ({ action }) => action },
  { name: 'phase', value: ({ phase }) => phase },
  { name: 'outcome', value: ({ outcome }) => outcome },
  { name: 'by', value: ({ by }) => by },
  { name: 'subject', value: ({ subject }) => JSON.stringify(subject) },
  { name: 'why', value: ({ why }) => why },
  { name: 'index', value: ({ index }) => index },
];

interface ExportOptions {
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly device?: string | undefined;
  readonly group?: string | undefined;
  readonly job?: string | undefined;
  readonly by?: string | undefined;
  readonly action?: string | undefined;
  readonly limit?: number | undefined;
}

/** Writes the entries of the audit trail, newest first. Whether they are intact is said by `fleet audit verify`. */
export async function exportAudit(context: Context, options: ExportOptions): Promise<undefined> {
  const { since, until, limit, ...filter } = options;
  const { client } = await context.api();
  await writeList(context, columns, limit, async (page) => {
    const times = { ...(since === undefined ? {} : { from: since }), ...(until === undefined ? {} : { to: until }) };
    const query = { ...page, ...filter, ...times };
    const { entries, continuation } = await answered(client.GET('/audit', { params: { query } }));
    return { items: entries, continuation };
  });
  return undefined;
}
