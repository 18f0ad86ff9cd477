import { badRequest, notFound } from './errors.ts';
import { parseResourceId } from './store/document.ts';

/** The resource that a path names. */
export interface ResourceLink {
  readonly kind:
    | 'account'
    | 'databases'
    | 'database'
    | 'containers'
    | 'container'
    | 'documents'
    | 'document'
    | 'ranges'
    | 'offers';
  readonly database: string;
  readonly container: string;
  readonly document: string;
  /** As signed by the client. */
  readonly resourceType: string;
  /**
   * The path, without its last step if the request addresses a feed. A client that addresses by resource ids signs the last
   * of them alone, in lower case. Both are here if the path can be read in both ways.
   */
  readonly resourceLinks: readonly string[];
}

export interface CosmosRequest {
  readonly method: string;
  readonly link: ResourceLink;
  readonly header: (name: string) => string | undefined;
  readonly body: Buffer;
  /** The URL under which the client reached this server, such as `http://localhost:8081`. */
  readonly origin: string;
}

export interface CosmosAnswer {
  readonly status: number;
  /** JSON. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly charge: number;
}

const shapes: readonly (readonly [RegExp, ResourceLink['kind']])[] = [
  [/^$/, 'account'],
  [/^dbs$/, 'databases'],
  [/^dbs\/[^/]+$/, 'database'],
  [/^dbs\/[^/]+\/colls$/, 'containers'],
  [/^dbs\/[^/]+\/colls\/[^/]+$/, 'container'],
  [/^dbs\/[^/]+\/colls\/[^/]+\/docs$/, 'documents'],
  [/^dbs\/[^/]+\/colls\/[^/]+\/docs\/[^/]+$/, 'document'],
  [/^dbs\/[^/]+\/colls\/[^/]+\/pkranges$/, 'ranges'],
  [/^offers$/, 'offers'],
];

/** @throws CosmosError 404 for an unknown path, 400 for an invalid one */
export function parseResourceLink(path: string): ResourceLink {
  const trimmed = path.replace(/^\/+|\/+$/g, '');
  const kind = shapes.find(([shape]) => shape.test(trimmed))?.[1];
  if (kind === undefined) throw notFound(`The emulator has no resource at the path ${path}.`);
  const steps = trimmed === '' ? [] : trimmed.split('/').map(decoded);
  const isFeed = steps.length % 2 === 1;
  const signed = isFeed ? steps.slice(0, -1) : steps;
  const last = signed.at(-1) ?? '';
  return {
    kind,
    database: steps[1] ?? '',
    container: steps[3] ?? '',
    document: steps[5] ?? '',
    resourceType: (isFeed ? steps.at(-1) : steps.at(-2)) ?? '',
    resourceLinks: [signed.join('/'), ...(parseResourceId(last) === undefined ? [] : [last.toLowerCase()])],
  };
}

function decoded(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    throw badRequest('The path is not URL-encoded.');
  }
}
