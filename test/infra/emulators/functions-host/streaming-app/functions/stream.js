import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { app } from '@azure/functions';

app.setup({ enableHttpStream: true });

const piece = Buffer.alloc(64 * 1024, 'x');

/** `count` pieces of 64 KiB, then the end or an error. */
async function* pieces(count, fails) {
  for (let number = 0; number < count; number++) {
    yield piece;
    // So that the beginning is on its way when the body fails.
    if (fails) await sleep(5);
  }
  if (fails) throw new Error('the inside of it');
}

app.http('download', {
  route: 'download/{count}',
  authLevel: 'anonymous',
  handler: async (request) => ({
    headers: { 'content-type': 'text/plain' },
    body: ReadableStream.from(pieces(Number(request.params.count), request.query.get('fails') === 'true')),
  }),
});

app.http('digest', {
  route: 'digest/{name}',
  methods: ['POST'],
  authLevel: 'function',
  handler: async (request) => {
    const digest = createHash('sha256');
    for await (const part of request.body ?? []) digest.update(part);
    return {
      status: 201,
      jsonBody: {
        name: request.params.name,
        query: request.query.get('x'),
        header: request.headers.get('x-mark'),
        principal: request.headers.get('x-ms-client-principal'),
        sha256: digest.digest('hex'),
      },
    };
  },
});

app.http('unread', { methods: ['POST'], authLevel: 'anonymous', handler: async () => ({ status: 413, body: 'no' }) });

app.http('broken', {
  authLevel: 'anonymous',
  handler: async () => {
    throw new Error('the inside of it');
  },
});
