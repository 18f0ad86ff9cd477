/** Client of the app's HTTP API. Paths are relative to `/api/`. Every call throws an Error unless the status is 2xx. */
export interface Api {
  readonly url: string;
  get<Answer>(path: string): Promise<Answer>;
  getText(path: string): Promise<string>;
  getBytes(path: string): Promise<Buffer>;
  put<Answer>(path: string, body: unknown): Promise<Answer>;
}

/** A status other than 2xx, with the problem document. */
class ApiError extends Error {}

export function createApi({ url, key }: { url: string; key: string }): Api {
  async function call(path: string, init: RequestInit = {}): Promise<Response> {
    const answer = await fetch(`${url}/api/${path}`, { ...init, headers: { ...init.headers, 'x-functions-key': key } });
    if (answer.ok) return answer;
    throw new ApiError(`${init.method ?? 'GET'} /api/${path} answered ${answer.status}: ${await answer.text()}`);
  }
  return {
    url,
    get: async <Answer>(path: string) => (await (await call(path)).json()) as Answer,
    getText: async (path) => (await call(path)).text(),
    getBytes: async (path) => Buffer.from(await (await call(path)).arrayBuffer()),
    put: async <Answer>(path: string, body: unknown) => {
      const init = { method: 'PUT', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
      return (await (await call(path, init)).json()) as Answer;
    },
  };
}

/** A job as GET /api/jobs/{jobId} returns it, reduced to the members that the demo reads. */
export interface JobAnswer {
  readonly jobId: string;
  readonly status: string;
  readonly source: string;
  readonly name: string;
  readonly reason?: { readonly code: string; readonly message: string; readonly hint: string };
  readonly counts: Readonly<Record<'total' | 'provisioned' | 'unchanged' | 'rejected' | 'failed' | 'waiting', number>>;
  readonly percent: number;
  readonly rowsPerSecond: number;
  readonly remainingSeconds?: number;
  readonly startedAt?: string;
  readonly finishedAt?: string;
}

/** A device as GET /api/devices returns it, reduced to the members that the demo reads. */
export interface DeviceAnswer {
  readonly deviceId: string;
  readonly status: string;
  readonly enrollmentGroup: string;
  readonly certificate: { readonly sha256Thumbprint?: string; readonly sha1Thumbprint?: string };
  readonly twin: { readonly tags: Record<string, unknown>; readonly desired: Record<string, unknown> };
  readonly registration: { readonly status: string; readonly assignedHub?: string };
  readonly bundle?: { readonly fileName: string };
}

/** An enrollment group as GET /api/enrollment-groups/{id} returns it, reduced to the members that the demo reads. */
export interface GroupAnswer {
  readonly id: string;
  readonly definition: {
    readonly keyCustody: string;
    readonly initialTwin: { readonly tags: Record<string, unknown>; readonly desired: Record<string, unknown> };
  };
  readonly enrollment: { readonly status: string };
  readonly issuingCas: readonly { readonly certificatePem: string; readonly chainPem: readonly string[] }[];
}

/** What GET /api/findings returns, reduced to the members that the demo reads. */
export interface FindingsAnswer {
  readonly findings: readonly { readonly id: string; readonly seen: Readonly<Record<string, unknown>> }[];
  readonly latestSweep?: { readonly began: string; readonly figures: Readonly<Record<string, number>> };
}
