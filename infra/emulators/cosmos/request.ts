import { badRequest, notFound } from './errors.ts';

/** What a path names, by the resources' names. */
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
  /** As it goes into the signature of the request. */
  readonly resourceType: string;
  readonly resourceLink: string;
}

export interface CosmosRequest {
  readonly method: string;
  readonly link: ResourceLink;
  readonly header: (name: string) => string | undefined;
  readonly body: Buffer;
  /** Where the client reached this server, such as `http://localhost:8081`. */
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

/** @throws CosmosError 404 for a path that names nothing this emulator has, 400 for one that is no path */
export function parseResourceLink(path: string): ResourceLink {
  const trimmed = path.replace(/^\/+|\/+$/g, '');
  const kind = shapes.find(([shape]) => shape.test(trimmed))?.[1];
  if (kind === undefined) throw notFound(`This emulator has no resource of the path ${path}.`);
  const steps = trimmed === '' ? [] : trimmed.split('/').map(decoded);
  const isFeed = steps.length % 2 === 1;
  return {
    kind,
    database: steps[1] ?? '',
    container: steps[3] ?? '',
    document: steps[5] ?? '',
    resourceType: (isFeed ? steps.at(-1) : steps.at(-2)) ?? '',
    resourceLink: (isFeed ? steps.slice(0, -1) : steps).join('/'),
  };
}

function decoded(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    throw badRequest('The path is not URL-encoded.');
  }
}
