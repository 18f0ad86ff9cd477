import createClient, { type Client } from 'openapi-fetch';
import type { components, paths } from '../docs/openapi.d.ts';
import { CliError, exitCodes } from './errors.ts';
import { type Credentials, credentialsOf } from './sign-in.ts';
import type { Target } from './target.ts';
import type { Terminal } from './terminal.ts';

export type Schemas = components['schemas'];

/** The HTTP API of one deployment, typed from docs/openapi.json. */
export interface Api {
  readonly target: Target;
  readonly client: Client<paths>;
}

/** Attempts of a request that can be repeated, and the longest wait between two, in seconds. */
const attempts = 4;
const longestWait = 60;

export function createApi(target: Target, terminal: Terminal): Api {
  const credentials = credentialsOf(target, terminal);
  const client = createClient<paths>({
    baseUrl: `${target.url}/api`,
    fetch: (request) => send(request, target, credentials, terminal),
  });
  return { target, client };
}

/** Sends a request. A GET is repeated when the deployment is busy or the connection breaks. */
async function send(request: Request, target: Target, credentials: Credentials, terminal: Terminal): Promise<Response> {
  for (const [name, value] of Object.entries(await credentials())) request.headers.set(name, value);
  request.headers.set('user-agent', 'fleet');
  for (let attempt = 1; ; attempt += 1) {
    const isLast = attempt === attempts || request.method !== 'GET';
    const seconds = await once(request, isLast, target, terminal);
    if (typeof seconds !== 'number') return seconds;
    await terminal.sleep(1000 * Math.min(seconds || 2 ** (attempt - 1), longestWait));
  }
}

/** @returns the answer, or the seconds to wait before the request is repeated; 0 when the deployment did not say */
async function once(request: Request, isLast: boolean, { url }: Target, { signal }: Terminal) {
  try {
    // A redirect would take the key to another host.
    const answer = await fetch(isLast ? request : request.clone(), { redirect: 'manual', signal });
    if (isLast || ![429, 503].includes(answer.status)) return answer;
    await answer.body?.cancel();
    return Number(answer.headers.get('retry-after')) || 0;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (!isLast) return 0;
    const { cause } = error as { cause?: { code?: string; message?: string } };
    const reason = cause?.code ?? cause?.message ?? (error as Error).message;
    const isTls = /CERT|SIGNATURE|ISSUER/.test(reason);
    const hint = isTls ? 'Set NODE_EXTRA_CA_CERTS to the CA certificate of your network.' : 'Run fleet doctor.';
    throw new CliError(exitCodes.failed, `Cannot reach ${url}: ${reason}`, { hint, cause: error });
  }
}

interface Answer<Data> {
  readonly data?: Data;
  readonly error?: unknown;
  readonly response: Response;
}

/**
 * The body of an answer.
 * @throws CliError with the exit code that fits the status
 * @example
 * const job = await answered(client.GET('/jobs/{jobId}', { params: { path: { jobId } } }));
 */
export async function answered<Data>(call: Promise<Answer<Data>>): Promise<Data> {
  const { data, error, response } = await call;
  if (!response.ok || data === undefined) throw failureOf(response, error);
  return data;
}

/** The error that an answer stands for. @param body the problem document, if it has one */
export function failureOf({ status, headers, url }: Response, body: unknown): CliError {
  const problem = isProblem(body) ? body : undefined;
  if (problem !== undefined) {
    const { title: code, detail, hint, faults, traceId } = problem;
    const line = problem.line === undefined ? '' : ` (line ${problem.line})`;
    const next = status === 404 ? listOf(url) : undefined;
    return new CliError(exitCodeOf(status), `${detail}${line}`, { code, hint, next, faults, traceId });
  }
  if (status === 401) {
    const hint =
      'Check the key of the profile or FLEET_KEY: the key of a role opens only what the role may do. Sign in with az login if the deployment uses Microsoft Entra.';
    return new CliError(exitCodes.access, 'The deployment does not know the caller (401).', {
      hint,
      next: 'fleet doctor',
    });
  }
  if (status === 403) {
    const hint = 'The network rules of the deployment, or its sign-in, refuse this caller.';
    return new CliError(exitCodes.access, 'The deployment refuses the caller (403).', { hint, next: 'fleet doctor' });
  }
  if (status >= 300 && status < 400) {
    const to = headers.get('location') ?? 'another address';
    const hint = 'Check the URL. A sign-in page means that this deployment wants a token: --auth entra.';
    return new CliError(exitCodes.failed, `The deployment sends the request to ${to.slice(0, 200)} (${status}).`, {
      hint,
    });
  }
  const hint =
    status === 404
      ? 'Check the URL of the profile. An older deployment may lack this operation.'
      : 'Repeat the command. If it fails again, run fleet doctor.';
  return new CliError(exitCodes.failed, `The deployment answered ${status}, without a reason.`, {
    hint,
    next: 'fleet doctor',
  });
}

/** The verbs that list what is under a path of the API. */
const lists: Readonly<Record<string, string>> = {
  jobs: 'fleet jobs',
  devices: 'fleet devices',
  'enrollment-groups': 'fleet groups',
  findings: 'fleet findings',
  'device-acts': 'fleet acts',
};

/** The verb that lists what a request did not find. @param url of the request */
function listOf(url: string): string | undefined {
  const [, name = ''] = /\/api\/([^/?]+)\/./.exec(url) ?? [];
  return Object.hasOwn(lists, name) ? lists[name] : undefined;
}

function exitCodeOf(status: number): number {
  if (status === 404) return exitCodes.notFound;
  return status === 401 || status === 403 ? exitCodes.access : exitCodes.failed;
}

function isProblem(body: unknown): body is Schemas['Problem'] {
  if (typeof body !== 'object' || body === null) return false;
  const { title, detail } = body as Partial<Schemas['Problem']>;
  return typeof title === 'string' && typeof detail === 'string';
}

/** One page of a list. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly continuation?: string | undefined;
}

/**
 * The items of a list, page by page.
 * @param limit at most so many items
 * @param read reads the page that begins at a continuation, of at most `limit` items
 */
export async function* every<Item>(
  limit: number,
  read: (page: { limit: number; continuation?: string }) => Promise<Page<Item>>,
): AsyncGenerator<Item> {
  let left = limit;
  let continuation: string | undefined;
  do {
    const page = await read({ limit: Math.min(left, 1000), ...(continuation === undefined ? {} : { continuation }) });
    for (const item of page.items.slice(0, left)) yield item;
    left -= page.items.length;
    continuation = page.continuation;
  } while (continuation !== undefined && left > 0);
}
