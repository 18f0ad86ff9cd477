import type { TLSSocket } from 'node:tls';

/** One request as the surfaces see it. */
export interface Call {
  readonly method: string;
  /** Percent-decoded values of the `{name}` segments. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The first value of a header, or undefined. */
  header(name: string): string | undefined;
  /** The JSON body; undefined when there is none. */
  readonly body: unknown;
  readonly path: string;
  readonly socket: TLSSocket;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface Route {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  /** Literal segments match without case, as the official clients spell some of them differently. `{x}` matches one segment. */
  readonly path: string;
  handle(call: Call): Answer | Promise<Answer>;
}

/** One service's routes with that service's limits and error format. */
export interface Surface {
  readonly routes: readonly Route[];
  readonly maxBodyBytes: number;
  renderError(error: unknown, call: Pick<Call, 'method' | 'path'>): Answer;
}

export type RouteMatch =
  | {
      readonly found: 'route';
      readonly surface: Surface;
      readonly route: Route;
      readonly parameters: Record<string, string>;
    }
  | { readonly found: 'other-method'; readonly surface: Surface }
  | { readonly found: 'nothing' };

/** The first route, in the order given, whose path and method fit. A trailing slash is ignored. */
export function createRouter(surfaces: readonly Surface[]): (method: string, path: string) => RouteMatch {
  const table = surfaces.flatMap((surface) =>
    surface.routes.map((route) => ({ surface, route, segments: segmentsOf(route.path) })),
  );
  return (method, path) => {
    const actual = segmentsOf(path);
    let otherMethod: Surface | undefined;
    for (const { surface, route, segments } of table) {
      const parameters = matchSegments(segments, actual);
      if (!parameters) continue;
      if (route.method === method) return { found: 'route', surface, route, parameters };
      otherMethod ??= surface;
    }
    return otherMethod ? { found: 'other-method', surface: otherMethod } : { found: 'nothing' };
  };
}

function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '');
}

function matchSegments(pattern: readonly string[], actual: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== actual.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const segment = actual[index] ?? '';
    if (expected.startsWith('{')) {
      const decoded = decodeSegment(segment);
      if (decoded === undefined) return undefined;
      parameters[expected.slice(1, -1)] = decoded;
    } else if (expected.toLowerCase() !== segment.toLowerCase()) {
      return undefined;
    }
  }
  return parameters;
}

function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
