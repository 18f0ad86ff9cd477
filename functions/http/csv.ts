import type { HttpResponseInit } from '@azure/functions';

/**
 * A CSV download. The host takes a whole body, so the parts are gathered first: as octets, since a string ends at half a
 * gigabyte (V8's longest), which the results of some million rows reach.
 */
export async function csv(fileName: string, parts: AsyncIterable<string>): Promise<HttpResponseInit> {
  const body: Buffer[] = [];
  for await (const part of parts) body.push(Buffer.from(part));
  return {
    headers: {
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="${fileName}"`,
      'cache-control': 'no-store',
    },
    body: Buffer.concat(body),
  };
}
