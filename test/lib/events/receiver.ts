import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A receiver of webhooks on this machine. It answers with the statuses that it was told, and then with 204. */
export async function startReceiver(
  answers: (
    | number
    | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  )[] = [],
) {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const chunks = (await Array.fromAsync(request)) as Buffer[];
    received.push({ headers: textsOf(request.headers), body: Buffer.concat(chunks).toString() });
    const answer = answers.shift() ?? 204;
    const { status, headers = {}, body = '' } = typeof answer === 'number' ? { status: answer } : answer;
    response.writeHead(status, headers).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    received,
    port,
    url: `http://localhost:${port}/events?code=secret`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function textsOf(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
