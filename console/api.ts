import type { Problem } from './types.ts';

/** A request, besides its path. */
export interface Request {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly json?: unknown;
  readonly body?: Blob;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface Answer<Body> {
  readonly body: Body;
  readonly etag?: string;
  /** Seconds until the answer is worth asking for again. */
  readonly retryAfter?: number;
}

/** An answer that is not a success, or no answer. */
export class ApiError extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/** The part of the sign-in (session.ts) that each request needs. */
export interface Credentials {
  headers(): Record<string, string>;
  /** Called for a 401. @returns whether the request is worth sending again, after a sign-in */
  refused(): Promise<boolean>;
}

let credentials: Credentials = { headers: () => ({}), refused: async () => false };

export function useCredentials(given: Credentials): void {
  credentials = given;
}

/** The last answers that carry an ETag, by path. They are few: jobs and devices that are on the screen. */
const known = new Map<string, Answer<unknown>>();
const maxKnown = 50;

/**
 * Calls an operation of the API and gives its JSON. A GET whose last answer had an ETag says so, and gets that answer again if
 * nothing has changed.
 * @param path below `/api/`, with its query
 * @throws ApiError when the answer is not a success, or there is none
 */
export async function call<Body>(path: string, request: Request = {}): Promise<Answer<Body>> {
  const isRead = (request.method ?? 'GET') === 'GET';
  const last = isRead ? known.get(path) : undefined;
  const ifNoneMatch: Record<string, string> = last?.etag === undefined ? {} : { 'if-none-match': last.etag };
  const response = await send(path, { ...request, headers: { ...ifNoneMatch, ...request.headers } });
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  const wait = Number.isFinite(retryAfter) ? { retryAfter } : {};
  if (response.status === 304 && last !== undefined) return { ...(last as Answer<Body>), ...wait };
  const etag = response.headers.get('etag');
  const body = (response.status === 204 ? undefined : await response.json()) as Body;
  const answer: Answer<Body> = { body, ...wait, ...(etag !== null && { etag }) };
  if (isRead && etag !== null) {
    known.delete(path);
    known.set(path, answer);
    for (const oldest of known.keys()) if (known.size > maxKnown) known.delete(oldest);
  }
  return answer;
}

/** As `call`, for the body alone. */
export async function get<Body>(path: string, signal?: AbortSignal): Promise<Body> {
  return (await call<Body>(path, signal === undefined ? {} : { signal })).body;
}

/** A file of the API, under the name that the API gives it. @throws ApiError */
export async function getFile(path: string, accept: string): Promise<{ readonly blob: Blob; readonly name: string }> {
  const response = await send(path, { headers: { accept } });
  const disposition = response.headers.get('content-disposition') ?? '';
  return { blob: await response.blob(), name: /filename="([^"]+)"/.exec(disposition)?.[1] ?? 'download' };
}

async function send(path: string, request: Request): Promise<Response> {
  const { method = 'GET', json, body, headers, signal } = request;
  const fetchOnce = () =>
    fetch(`/api/${path}`, {
      method,
      headers: {
        accept: 'application/json',
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...headers,
        ...credentials.headers(),
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
      ...(body !== undefined && { body }),
      ...(signal !== undefined && { signal }),
      cache: 'no-store',
      credentials: 'same-origin',
    }).catch((error: unknown) => {
      if (signal?.aborted === true) throw error;
      throw new ApiError(unreachable);
    });
  let response = await fetchOnce();
  if (response.status === 401 && (await credentials.refused())) response = await fetchOnce();
  if (response.ok || response.status === 304) return response;
  throw new ApiError(await problemOf(response));
}

const unreachable: Problem = {
  status: 0,
  detail: 'The app did not answer.',
  hint: 'Check your connection to the network. If the connection works, the app is starting or down: try again in a minute.',
};

async function problemOf(response: Response): Promise<Problem> {
  const { status } = response;
  const body = response.headers.get('content-type')?.includes('json') ? await response.json().catch(() => null) : null;
  if (typeof body?.detail === 'string') return { ...body, status };
  // The platform answers these itself, without a body.
  if (status === 401) {
    const hint = 'Sign in with a key or a user of the role that this needs.';
    return { status, detail: 'What you signed in with does not open this.', hint };
  }
  const hint = 'Try again. If this lasts, look at the health of the app (Overview).';
  return { status, detail: `The platform answered with status ${status} and nothing else.`, hint };
}
