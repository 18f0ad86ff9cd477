import type { TokenCredential } from '@azure/identity';

/** Reads resources with the rights of the operator. */
export interface ResourceManager {
  /**
   * @param id of a resource, or a path below one
   * @returns the answer; undefined where there is none (404)
   * @throws Error that says what was asked and answered
   */
  get<T>(id: string, apiVersion: string, query?: Readonly<Record<string, string>>): Promise<T | undefined>;
  /** All pages of a list. @throws as `get`, also for 404 */
  list<T>(id: string, apiVersion: string): Promise<T[]>;
}

export interface ResourceManagerOptions {
  readonly credential: Pick<TokenCredential, 'getToken'>;
  /** Default: the public cloud. */
  readonly endpoint?: string;
}

/** Milliseconds for one answer. The service is documented to answer reads at once. */
const timeoutMs = 30_000;

/**
 * Azure Resource Manager through its REST API: `fleet doctor` asks for ten types of resources, and the SDK has a package for each.
 * https://learn.microsoft.com/rest/api/resources
 */
export function createResourceManager({
  credential,
  endpoint = 'https://management.azure.com',
}: ResourceManagerOptions): ResourceManager {
  async function ask(url: URL): Promise<Response> {
    // The endpoint gets the token, and no other server does: a link to a next page could name one.
    if (url.origin !== new URL(endpoint).origin)
      throw new Error(`A page of a list is at ${url.origin}. Expected ${endpoint}.`);
    const token = await credential.getToken('https://management.azure.com/.default');
    if (token === null) throw new Error('There is no token for Azure Resource Manager.');
    const headers = { authorization: `Bearer ${token.token}` };
    return fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(timeoutMs) });
  }

  function urlOf(id: string, apiVersion: string, query: Readonly<Record<string, string>> = {}): URL {
    const url = new URL(encodeURI(id), endpoint);
    for (const [name, value] of Object.entries({ 'api-version': apiVersion, ...query }))
      url.searchParams.set(name, value);
    return url;
  }

  return {
    async get<T>(id: string, apiVersion: string, query?: Readonly<Record<string, string>>) {
      const response = await ask(urlOf(id, apiVersion, query));
      if (response.status === 404) return undefined;
      return (await bodyOf(response, id)) as T;
    },

    async list<T>(id: string, apiVersion: string) {
      const found: T[] = [];
      let next: URL | undefined = urlOf(id, apiVersion);
      while (next !== undefined) {
        const { value = [], nextLink } = (await bodyOf(await ask(next), id)) as {
          value?: T[];
          nextLink?: string | null;
        };
        found.push(...value);
        next = nextLink ? new URL(nextLink) : undefined;
      }
      return found;
    },
  };
}

async function bodyOf(response: Response, id: string): Promise<unknown> {
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok && typeof body === 'object' && body !== null) return body;
  const { code = '', message = '' } =
    (body as { error?: { code?: string; message?: string } } | undefined)?.error ?? {};
  const reason = `${code} ${message}`.trim().slice(0, 300);
  throw new Error(`Azure Resource Manager answered ${response.status} for ${id}${reason === '' ? '' : `: ${reason}`}`);
}
