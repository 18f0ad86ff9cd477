import { answered, failureOf, type Schemas } from '../api.ts';
import type { Context } from '../context.ts';
import { usageError } from '../errors.ts';
import type { Column } from '../output.ts';
import { writeList } from '../paging.ts';

const errorColumns: readonly Column<Schemas['RowError']>[] = [
  { name: 'line', value: ({ line }) => line },
  { name: 'code', value: ({ code }) => code },
  { name: 'column', value: ({ column }) => column },
  { name: 'message', value: ({ message }) => message },
  { name: 'hint', value: ({ hint }) => hint },
];

const summaryColumns: readonly Column<Schemas['ErrorSummary']['codes'][number]>[] = [
  { name: 'code', value: ({ code }) => code },
  { name: 'rows', value: ({ rows }) => rows },
  { name: 'first line', value: ({ first }) => first[0]?.line },
  { name: 'first message', value: ({ first }) => first[0]?.message },
  { name: 'hint', value: ({ hint }) => hint },
];

interface ErrorOptions {
  readonly reason?: string | undefined;
  readonly summary?: true | undefined;
  readonly limit?: number | undefined;
}

export async function jobErrors(context: Context, jobId: string, options: ErrorOptions): Promise<undefined> {
  const { reason, summary, limit } = options;
  const { client } = await context.api();
  const path = { jobId };
  if (summary) {
    const { codes, complete } = await answered(client.GET('/jobs/{jobId}/errors/summary', { params: { path } }));
    await context.output.rows(summaryColumns, codes);
    if (!complete) context.say('Only the first 200 chunks with errors were counted.');
    return undefined;
  }
  if (context.output.format === 'csv') {
    if (reason !== undefined || limit !== undefined)
      throw usageError('-o csv has all rows. Leave out --reason and --limit.');
    return copy(
      context,
      await client.GET('/jobs/{jobId}/errors', { params: { path, query: { format: 'csv' } }, parseAs: 'stream' }),
    );
  }
  await writeList(context, errorColumns, limit, async (page) => {
    const query = {
      ...page,
      format: 'json' as const,
      ...(reason === undefined ? {} : { reason: reason as 'internal' }),
    };
    const answer = await answered(client.GET('/jobs/{jobId}/errors', { params: { path, query } }));
    const { errors, continuation } = answer as Schemas['RowErrors'];
    return { items: errors, continuation };
  });
  return undefined;
}

const resultColumns: readonly Column<Schemas['ResultRow']>[] = [
  { name: 'line', value: ({ line }) => line },
  { name: 'device', value: ({ deviceId }) => deviceId },
  { name: 'status', value: ({ status }) => status, kind: 'status' },
  { name: 'group', value: ({ enrollmentGroup }) => enrollmentGroup },
  { name: 'serial number', value: ({ serialNumber }) => serialNumber },
  { name: 'valid until', value: ({ notAfter }) => notAfter || undefined, kind: 'time' },
];

export async function jobResults(
  context: Context,
  jobId: string,
  { limit }: { limit?: number | undefined },
): Promise<undefined> {
  const { client } = await context.api();
  const path = { jobId };
  if (context.output.format === 'csv') {
    if (limit !== undefined) throw usageError('-o csv has all rows. Leave out --limit.');
    return copy(
      context,
      await client.GET('/jobs/{jobId}/results', { params: { path, query: { format: 'csv' } }, parseAs: 'stream' }),
    );
  }
  await writeList(context, resultColumns, limit, async (page) => {
    const query = { ...page, format: 'json' as const };
    const answer = await answered(client.GET('/jobs/{jobId}/results', { params: { path, query } }));
    const { results, continuation } = answer as Schemas['ResultRows'];
    return { items: results, continuation };
  });
  return undefined;
}

interface FileAnswer {
  readonly data?: unknown;
  readonly error?: unknown;
  readonly response: Response;
}

/** Copies a file to stdout as it comes. */
async function copy({ output }: Context, { data, error, response }: FileAnswer): Promise<undefined> {
  if (!response.ok) throw failureOf(response, error);
  for await (const chunk of (data ?? []) as AsyncIterable<Uint8Array>) await output.raw(chunk);
  return undefined;
}
