/**
 * `npx node infra/tools/record-cosmos-requests.ts FILE CLIENT -- COMMAND…`: runs a program against a new Cosmos DB emulator, and writes
 * the requests that it sent to a file. `test/infra/emulators/cosmos/recorded-clients.test.ts` sends them again, without the program.
 *
 * The programs and what they need: test/other-clients/cosmos.
 */
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createCosmosEmulator } from 'fleet-emulators/cosmos';

const usage = `Usage: npx node infra/tools/record-cosmos-requests.ts FILE CLIENT -- COMMAND...

Runs the command with COSMOS_ENDPOINT and COSMOS_KEY of a new emulator, and writes its requests to a JSON file.

  FILE        such as test/vectors/cosmos-clients/python.json
  CLIENT      its name and version, such as "azure-cosmos 4.17.1 (Python 3.11)"
  -h, --help  show this text

Exit codes: that of the command; 2 invalid command line.
`;

/** One request, and the status of its answer. The etags in it are marked by `uuidTokens`. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  /** The text that the client signed as the resource. Undefined if the signature is not of the key. */
  readonly signed?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly status: number;
}

export interface Recording {
  readonly client: string;
  readonly requests: readonly RecordedRequest[];
}

/**
 * The etags of the emulator differ in each run. This gives each etag of the answers a name by its place among them, so that a request
 * can be sent again with the etag of the new run.
 */
export function uuidTokens() {
  const known: string[] = [];
  const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
  return {
    /** Takes the etags of an answer. */
    see(text: string): void {
      for (const [found] of text.matchAll(uuid)) if (!known.includes(found)) known.push(found);
    },
    toToken: (text: string) =>
      text.replaceAll(uuid, (found) => (known.includes(found) ? `<etag ${known.indexOf(found)}>` : found)),
    fromToken: (text: string) => text.replaceAll(/<etag (\d+)>/g, (_, index: string) => known[Number(index)] ?? ''),
  };
}

/** Headers that belong to the connection, the clock or one run. */
const left =
  /^(?:authorization|connection|content-length|date|expect|host|traceparent|transfer-encoding|user-agent|x-ms-date|x-ms-client-id|x-ms-(?:client-)?(?:activity|request)-?id|.*correlated.*|x-ms-cosmos-sdk-supportedcapabilities-id)$/;

function keptHeaders({ headers }: IncomingMessage): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => !left.test(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, String(value)]));
}

/** Finds what the client signed: the path, the last resource id in lower case, or nothing of the two. */
function signedOf({ method = '', url = '', headers }: IncomingMessage, key: string): string | undefined {
  const steps = (url.split('?')[0] ?? '')
    .split('/')
    .filter((step) => step !== '')
    .map(decodeURIComponent);
  const isFeed = steps.length % 2 === 1;
  const type = (isFeed ? steps.at(-1) : steps.at(-2)) ?? '';
  const link = isFeed ? steps.slice(0, -1) : steps;
  const [, signature] = /sig=(.+)$/.exec(decodeURIComponent(headers.authorization ?? '')) ?? [];
  return [link.join('/'), (link.at(-1) ?? '').toLowerCase()].find((resource) => {
    const [verb, date] = [method.toLowerCase(), String(headers['x-ms-date']).toLowerCase()];
    const text = `${verb}\n${type.toLowerCase()}\n${resource}\n${date}\n\n`;
    return createHmac('sha256', Buffer.from(key, 'base64')).update(text).digest('base64') === signature;
  });
}

async function bytesOf(message: AsyncIterable<Buffer>): Promise<Buffer<ArrayBuffer>> {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part);
  return Buffer.concat(parts);
}

async function main([file, client, mark, program, ...args]: string[]): Promise<number> {
  if (file === '-h' || file === '--help') {
    process.stdout.write(usage);
    return 0;
  }
  if (file === undefined || client === undefined || mark !== '--' || program === undefined) {
    process.stderr.write(usage);
    return 2;
  }
  const emulator = createCosmosEmulator({ log: (line) => process.stderr.write(`${line}\n`) });
  const { port } = await emulator.listen(0);
  const requests: RecordedRequest[] = [];
  const tokens = uuidTokens();
  const recorder = createServer(async (request, response) => {
    const body = await bytesOf(request);
    const { method = 'GET', url = '/' } = request;
    const { host: _, connection: __, 'transfer-encoding': ___, ...headers } = request.headers;
    const answer = await fetch(`http://127.0.0.1:${port}${url}`, {
      method,
      headers: headers as Record<string, string>,
      ...(body.length > 0 && { body }),
    });
    // The account names the address of the emulator, and the client would go there.
    const text = (await answer.text()).replaceAll(`http://127.0.0.1:${port}`, `http://${request.headers.host}`);
    requests.push({
      method,
      path: url,
      signed: signedOf(request, emulator.key),
      headers: JSON.parse(tokens.toToken(JSON.stringify(keptHeaders(request)))),
      ...(body.length > 0 && { body: tokens.toToken(body.toString('utf8')) }),
      status: answer.status,
    });
    tokens.see(`${answer.headers.get('etag')} ${text}`);
    const {
      'content-length': ____,
      connection: _____,
      'keep-alive': ______,
      ...passed
    } = Object.fromEntries(answer.headers);
    response.writeHead(answer.status, {
      ...passed,
      ...(answer.status !== 204 && answer.status !== 304 && { 'content-length': Buffer.byteLength(text) }),
    });
    response.end(text);
  });
  recorder.listen(0, '127.0.0.1');
  await once(recorder, 'listening');
  const { port: recorded } = recorder.address() as AddressInfo;
  const env = { ...process.env, COSMOS_ENDPOINT: `http://localhost:${recorded}/`, COSMOS_KEY: emulator.key };
  const child = spawn(program, args, { env, stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  recorder.closeAllConnections();
  recorder.close();
  await emulator.close();
  const recording: Recording = { client, requests };
  writeFileSync(file, `${JSON.stringify(recording, null, 1)}\n`);
  return code ?? 1;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
