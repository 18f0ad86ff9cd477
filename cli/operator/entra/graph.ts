import { CliError, exitCodes, usageError } from '../../errors.ts';
import { credentialsOf } from '../../sign-in.ts';
import type { Terminal } from '../../terminal.ts';
import { type GraphOperation, type GraphOperationName, graphOperations } from './graph-operations.ts';

/** What a call of Microsoft Graph is made of. */
export interface GraphRequest {
  /** Values of the places in the path. */
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** One call, as `--dry-run` shows it. */
export interface GraphCall {
  readonly method: GraphOperation['method'];
  readonly url: string;
  readonly body?: object;
  /** False: a change that the dry run left out, or a read about an object that only such a change would make. */
  readonly sent: boolean;
  readonly documentation: string;
}

/** Microsoft Graph, with the rights of the user. */
export interface Graph {
  /** @returns the object; undefined when there is none (404) @throws CliError */
  read<Found>(operation: GraphOperationName, request: GraphRequest): Promise<Found | undefined>;
  /** All items, over all pages. @throws CliError */
  list<Item>(operation: GraphOperationName, request: GraphRequest): Promise<Item[]>;
  /**
   * Makes or changes an object.
   * @param preview what a dry run goes on with. A value in braces stands for one that is not known before
   * @throws CliError
   */
  write<Made>(operation: GraphOperationName, request: GraphRequest, preview: Made): Promise<Made>;
  /** The calls so far, in order. */
  readonly calls: readonly GraphCall[];
}

export interface GraphOptions {
  /** Such as https://graph.microsoft.com. Other clouds have their own. */
  readonly url: string;
  /** Directory of the user who signs in. Default: that of the user. */
  readonly tenant?: string | undefined;
  /** Reads only. */
  readonly dryRun: boolean;
}

/** A new object reaches every server of the directory within about a minute. These waits add up to 62 seconds. */
const waitSeconds = [2, 4, 8, 16, 32];

/**
 * A server that does not have a new object yet. Seen after the creation of an application and of a service principal:
 * https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/3108
 */
const notThereYet = /does not exist|does not reference a valid application object|cannot be found/i;

/** Milliseconds for one answer, as for Azure Resource Manager. */
const timeoutMs = 30_000;

interface GraphError {
  readonly error?: { readonly code?: string; readonly message?: string };
}

export function createGraph({ url, tenant, dryRun }: GraphOptions, terminal: Terminal): Graph {
  const origin = originOf(url);
  // A server on this machine is a double, and must not get a token of the directory. Any other one gets a token that is for it only.
  const credentials = isLoopback(origin)
    ? async () => ({ authorization: 'Bearer local' })
    : credentialsOf(
        { name: 'Microsoft Graph', url: origin, auth: 'entra', scope: `${origin}/.default`, ...(tenant && { tenant }) },
        terminal,
      );
  const calls: GraphCall[] = [];
  let madeSomething = false;

  function urlOf(name: GraphOperationName, { path = {}, query = {} }: GraphRequest): string {
    const filled = graphOperations[name].path.replaceAll(/\{(\w+)\}/g, (_, part: string) => {
      const value = path[part] ?? '';
      return isUnknown(value) ? value : encodeURIComponent(value);
    });
    const search = Object.entries(query).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
    return `${origin}/v1.0${filled}${search.length > 0 ? `?${search.join('&')}` : ''}`;
  }

  function note(name: GraphOperationName, target: string, body: object | undefined, sent: boolean): void {
    const { method, documentation } = graphOperations[name];
    calls.push({ method, url: target, ...(body && { body }), sent, documentation });
  }

  async function send(name: GraphOperationName, target: string, body?: object): Promise<unknown> {
    const { method } = graphOperations[name];
    note(name, target, body, true);
    const headers = { ...(await credentials()), ...(body && { 'content-type': 'application/json' }) };
    for (const [attempt, seconds] of [...waitSeconds, undefined].entries()) {
      const { answer, text } = await fetch(target, {
        method,
        headers,
        redirect: 'error',
        signal: AbortSignal.any([terminal.signal, AbortSignal.timeout(timeoutMs)]),
        ...(body && { body: JSON.stringify(body) }),
      })
        .then(async (answer) => ({ answer, text: await answer.text() }))
        .catch((error: unknown) => {
          if (terminal.signal.aborted) throw terminal.signal.reason;
          throw new CliError(exitCodes.failed, `Cannot reach ${origin}: ${reasonOf(error)}`, { cause: error });
        });
      if (answer.ok) return text === '' ? {} : JSON.parse(text);
      const { code, message } = errorOf(text);
      const isLate =
        madeSomething && method !== 'GET' && [400, 404].includes(answer.status) && notThereYet.test(message);
      // A change that was answered with 503 may have been made.
      const isBusy = answer.status === 429 || (answer.status === 503 && method === 'GET');
      if (seconds !== undefined && (isLate || isBusy)) {
        const asked = Number(answer.headers.get('retry-after')) || 0;
        await terminal.sleep(1000 * Math.max(asked, isLate ? seconds : 2 ** attempt));
        continue;
      }
      if (answer.status === 404 && method === 'GET') return undefined;
      throw failure(`${method} ${target}`, answer.status, code, message);
    }
    return undefined;
  }

  return {
    calls,

    async read<Found>(name: GraphOperationName, request: GraphRequest) {
      const target = urlOf(name, request);
      if (Object.values(request.path ?? {}).some(isUnknown)) {
        note(name, target, undefined, false);
        return undefined;
      }
      return (await send(name, target)) as Found | undefined;
    },

    async list<Item>(name: GraphOperationName, request: GraphRequest) {
      const items: Item[] = [];
      let next: string | undefined = urlOf(name, request);
      if (Object.values(request.path ?? {}).some(isUnknown)) {
        note(name, next, undefined, false);
        return items;
      }
      while (next !== undefined) {
        const page = (await send(name, next)) as { value: Item[]; '@odata.nextLink'?: string } | undefined;
        items.push(...(page?.value ?? []));
        next = page?.['@odata.nextLink'];
        // The token goes to no other host, whatever the answer says.
        if (next !== undefined && new URL(next).origin !== origin)
          throw new CliError(exitCodes.failed, `Microsoft Graph names a next page at another host: ${next}`);
      }
      return items;
    },

    async write<Made>(name: GraphOperationName, request: GraphRequest, preview: Made) {
      const target = urlOf(name, request);
      if (dryRun) {
        note(name, target, request.body, false);
        return preview;
      }
      const made = (await send(name, target, request.body)) as Made;
      madeSomething = true;
      return { ...preview, ...made };
    },
  };
}

/** Whether a value of a dry run is not known before. */
const isUnknown = (value: string): boolean => value.startsWith('{');

function originOf(text: string): string {
  const url = URL.parse(text);
  const isUsable = url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.origin)));
  if (isUsable) return url.origin;
  throw usageError(
    `"${text}" is not the URL of Microsoft Graph.`,
    'Expected a URL such as https://graph.microsoft.com',
  );
}

function isLoopback(origin: string): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(new URL(origin).hostname);
}

function errorOf(text: string): { readonly code: string; readonly message: string } {
  try {
    const { error } = JSON.parse(text) as GraphError;
    return { code: error?.code ?? '', message: error?.message ?? '' };
  } catch {
    return { code: '', message: text.slice(0, 200) };
  }
}

function failure(call: string, status: number, code: string, message: string): CliError {
  const text = `${call} was answered with ${status}${code === '' ? '' : ` ${code}`}: ${message}`;
  if (status !== 401 && status !== 403) return new CliError(exitCodes.failed, text);
  const hint =
    'Application Administrator or Cloud Application Administrator is the least role for this. Sign in again after it was given: az login.';
  return new CliError(exitCodes.access, text, { hint });
}

function reasonOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? message;
}
