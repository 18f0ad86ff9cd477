import type { HttpResponseInit } from '@azure/functions';

/** A CSV download. The host takes a whole body, so the parts are gathered first. */
export async function csv(fileName: string, parts: AsyncIterable<string>): Promise<HttpResponseInit> {
  const text: string[] = [];
  for await (const part of parts) text.push(part);
  return {
    headers: {
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="${fileName}"`,
      'cache-control': 'no-store',
    },
    body: text.join(''),
  };
}
