import { request } from 'node:http';
import type { ChaosStack } from './chaos-stack.ts';
import type { Random } from './random.ts';

interface HostileRequest {
  readonly method: string;
  /** Sent unchanged: no client normalizes it. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

interface HostileAnswer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** Milliseconds. A busy machine answers slowly; after this time the request hangs. */
const answerWithin = 30_000;

/** Ids that could be taken for a path, a host, a header, a query or a formula. */
const ids = [
  ...[
    '..',
    '.',
    '%2e%2e',
    '..%2f..%2fjobs',
    '%2e%2e%5cjobs',
    '....//',
    '%252e%252e%252f',
    'a%2fb',
    'a%5cb',
    '%00',
    'a%00.csv',
  ],
  ...[
    'a%0d%0aset-cookie:%20x=y',
    '%0a',
    '%c0%af',
    '%ff%fe',
    '%zz',
    '%',
    '%e2%80%ae',
    '%F0%9F%92%A3',
    'a%3fb=c',
    'a%23b',
    'a;b',
    'a@b',
  ],
  ...[
    '=1+1',
    '%3Dcmd%7C',
    '-1',
    '0x0',
    'null',
    'undefined',
    '__proto__',
    'constructor',
    'toString',
    'NaN',
    '$where',
    '*',
    "'%20OR%20'1'='1",
  ],
  ...[
    'http:%2f%2flocalhost%2f',
    '//localhost/x',
    '%5c%5chost%5cshare',
    'a'.repeat(65),
    'a'.repeat(4000),
    '%41'.repeat(300),
    'GW-1',
    'ı',
    '%C4%B1',
  ],
] as const;

const queries = [
  ...[
    'limit=-1',
    'limit=0',
    'limit=1e9',
    'limit=NaN',
    'limit=1&limit=2',
    'limit=',
    'limit=99999999999999999999',
    'limit[]=1',
    'limit=%00',
  ],
  ...[
    'next=x',
    'next=%00',
    `next=${'a'.repeat(3000)}`,
    'next=__proto__',
    'next=%22%27',
    'status=none',
    'status=provisioned%00',
    'job=..',
    'group=%2e%2e',
  ],
  ...[
    'enrollmentGroup=..%2fx',
    'enrollmentGroup=%00',
    'enrollmentGroup=__proto__',
    'onConflict=maybe',
    '__proto__=1',
    'code=',
    '%',
    '=',
    '&&&',
    'a'.repeat(6000),
  ],
] as const;

const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

const bodies: readonly Buffer[] = [
  ...[
    '',
    'null',
    '0',
    '""',
    '[]',
    '{}',
    '{',
    'true',
    '{"keyCustody":"plain","keyCustody":"sealed"}',
    '{"__proto__":{"keyCustody":"plain"}}',
  ],
  ...[
    '{"keyCustody":{"$ne":1}}',
    '{"keyCustody":"plain","target":"../../etc"}',
    '{"keyCustody":"plain","iotHubs":["http://169.254.169.254/"]}',
  ],
  ...[
    deep(50),
    deep(20_000),
    `{"description":"${'x'.repeat(2_000_000)}"}`,
    `{"keyCustody":"plain","initialTwin":{"tags":${'{"a":'.repeat(40)}1${'}'.repeat(40)}}}`,
  ],
  ...[
    'deviceId\n',
    'deviceId,deviceId\na,b\n',
    'deviceId\n"never closed',
    '\ufeffdeviceId\n=cmd|x\n',
    `deviceId\n${'x'.repeat(3_000_000)}`,
    '\0\0\0\0',
  ],
].map((text) => Buffer.from(text));

const binary: readonly Buffer[] = [
  Buffer.from([0xff, 0xfe, 0x00, 0xd8]),
  // An empty gzip stream and the beginning of a ZIP: the app opens neither, whatever the headers say.
  Buffer.from('1f8b0800000000000003030000000000000000', 'hex'),
  Buffer.from('504b0304140000000800', 'hex'),
  Buffer.from([0xc0, 0xaf, 0xed, 0xa0, 0x80]),
];

const headers: readonly Readonly<Record<string, string>>[] = [
  { 'content-type': 'application/json' },
  { 'content-type': 'text/csv' },
  { 'content-type': 'application/x-ndjson' },
  { 'content-type': 'text/csv; charset=utf-16' },
  { 'content-type': 'multipart/form-data; boundary=x' },
  { 'content-type': 'application/json', 'content-encoding': 'gzip' },
  { 'content-type': '__proto__' },
  {
    'content-type': 'text/csv',
    range: 'bytes=0-99999999999999999999',
    'if-match': '*',
    'x-ms-client-principal': 'e30=',
  },
  { accept: '../../x', 'x-forwarded-host': 'evil.example', 'x-http-method-override': 'DELETE' },
];

/** Each route with its method. Sometimes another method is used. */
const routes: readonly (readonly [method: string, path: string])[] = [
  ...(['devices/{id}', 'devices/{id}/bundle', 'jobs/{id}', 'jobs/{id}/errors', 'jobs/{id}/results'] as const).map(
    (path) => ['GET', path] as const,
  ),
  ...(['devices', 'jobs', 'enrollment-groups', 'enrollment-groups/{id}', 'dead-letters', '{id}'] as const).map(
    (path) => ['GET', path] as const,
  ),
  ...(['jobs', 'jobs', 'jobs/{id}/cancel', 'jobs/{id}/retry', 'dead-letters/redrive'] as const).map(
    (path) => ['POST', path] as const,
  ),
  ...(['enrollment-groups/{id}', 'enrollment-groups/{id}', 'enrollment-groups/hostile'] as const).map(
    (path) => ['PUT', path] as const,
  ),
];

/**
 * Sends requests that no good client sends to the Functions host: each id and query once, then `count` random combinations of
 * method, route, id, query, headers and body.
 * @returns a problem per answer that is missing, is 5xx, shows internals, or has no error code
 */
export async function sendHostileRequests({ stack }: ChaosStack, random: Random, count: number) {
  const { port } = new URL(stack.urls.functions);
  const problems: string[] = [];
  const statuses: Record<string, number> = {};
  const draw = <T>(items: readonly T[]) => items[random.between(0, items.length - 1)] as T;

  async function tryOne(hostile: HostileRequest): Promise<void> {
    const what = `${hostile.method} ${hostile.path.slice(0, 120)} ${hostile.body?.length ?? 0} bytes`;
    try {
      const answer = await send(Number(port), {
        ...hostile,
        headers: { 'x-functions-key': stack.functionsKey, ...hostile.headers },
      });
      statuses[`http.${answer.status}`] = (statuses[`http.${answer.status}`] ?? 0) + 1;
      const fault = faultOf(answer);
      if (fault !== undefined) problems.push(`${what}: ${fault}`);
    } catch (error) {
      problems.push(`${what}: ${(error as Error).message}`);
    }
  }

  for (const id of ids) await tryOne({ method: 'GET', path: `/api/devices/${id}` });
  for (const query of queries)
    await tryOne({ method: 'GET', path: `/api/${draw(['devices', 'jobs', 'dead-letters'])}?${query}` });
  for (let number = 0; number < count; number++) {
    const [usual, route] = draw(routes);
    const path = `/api/${route.replace('{id}', draw(ids))}${random.chance(0.4) ? `?${draw(queries)}` : ''}`;
    const method = random.chance(0.1) ? draw(['GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS']) : usual;
    const hasBody = method !== 'GET' && method !== 'HEAD';
    await tryOne({
      method,
      path,
      headers: draw(headers),
      ...(hasBody && { body: draw(random.chance(0.2) ? binary : bodies) }),
    });
  }
  const health = await send(Number(port), {
    method: 'GET',
    path: '/api/health',
    headers: { 'x-functions-key': stack.functionsKey },
  });
  if (health.status !== 200) problems.push(`afterwards health is ${health.status}: ${health.text.slice(0, 300)}`);
  return { problems, metrics: statuses };
}

function faultOf({ status, type, text }: HostileAnswer): string | undefined {
  if (status >= 500 && status !== 501) return `answered ${status}: ${text.slice(0, 200)}`;
  // File names and stack traces are internals.
  if (/\bat [\w.<>]+ \(|node_modules|file:\/\/|\/functions\/|BEGIN [A-Z ]*PRIVATE KEY/.test(text) && status >= 400)
    return `shows internals: ${text.slice(0, 200)}`;
  // The host answers unknown routes and missing keys without a body.
  if (status < 400 || text === '') return undefined;
  if (!type.startsWith('application/problem+json')) return `answered ${status} as ${type}: ${text.slice(0, 200)}`;
  const { type: problem } = JSON.parse(text) as { type?: unknown };
  const named = typeof problem === 'string' && /^urn:fleet-orchestrator:error:[a-z-]+$/.test(problem);
  return named ? undefined : `answered ${status} without a code: ${text.slice(0, 200)}`;
}

function send(port: number, { method, path, headers: given, body }: HostileRequest): Promise<HostileAnswer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(body.length) };
    const options = {
      host: '127.0.0.1',
      port,
      method,
      path: encodeUnsafe(path),
      headers: { ...given, ...length },
      agent: false,
      timeout: answerWithin,
    };
    const outgoing = request(options, async (answer) => {
      try {
        const parts = await Array.fromAsync(answer as AsyncIterable<Buffer>);
        const type = String(answer.headers['content-type'] ?? '');
        resolve({ status: answer.statusCode ?? 0, type, text: Buffer.concat(parts).toString() });
      } catch (error) {
        reject(error);
      }
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${answerWithin / 1000} s`)));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Node refuses to send these characters. A raw socket would not help: Node's parser refuses to read them too. */
function encodeUnsafe(path: string): string {
  return path.replaceAll(/[^\x21-\x7e]/g, (character) => encodeURIComponent(character));
}
