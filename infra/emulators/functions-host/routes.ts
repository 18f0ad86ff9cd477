/*
 * Routes of HTTP functions, as ASP.NET matches them in the real host: whatever the case of the path, and with or without a slash
 * at its end. https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates
 */

/** The values of a route's parameters. Undefined when the path is not of the route. */
export type RouteMatcher = (path: string) => Readonly<Record<string, string>> | undefined;

/**
 * @param routePrefix of host.json; may be empty
 * @param route template with `{id}`, `{id?}`, `{id:int}`, `{*rest}`, which matches nothing, too, and `{ignored:maxlength(0)?}`,
 * by which apps have a function at `/`
 * @example
 * routeMatcher('api', 'things/{id}')('/API/Things/A%20b/'); // { id: 'A b' }
 */
export function routeMatcher(routePrefix: string, route: string): RouteMatcher {
  const segments = [...routePrefix.split('/'), ...route.split('/')].filter((segment) => segment !== '');
  const pattern = new RegExp(`^${segments.map(segmentPattern).join('')}/?$`, 'i');
  return (path) => {
    const found = pattern.exec(path);
    if (found === null) return undefined;
    const given = Object.entries(found.groups ?? {}).filter(([, value]) => value !== undefined && value !== '');
    return Object.fromEntries(given.map(([name, value]) => [name, decoded(value)]));
  };
}

function segmentPattern(segment: string): string {
  const [, star = '', name = '', constraint = '', optional = ''] =
    /^\{(\*?)(\w+)(?::([^}]*?))?(\??)\}$/.exec(segment) ?? [];
  if (name === '') return `/${segment.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}`;
  if (constraint === 'maxlength(0)') return '';
  if (star !== '') return `(?:/(?<${name}>.*))?`;
  const value = `/(?<${name}>${constraint === 'int' ? '-?[0-9]+' : '[^/]+'})`;
  return optional === '' ? value : `(?:${value})?`;
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** Sorts routes with literal segments before those with parameters, as the router of ASP.NET does: the first that matches is used. */
export function specificFirst(a: string, b: string): number {
  return weightOf(a) < weightOf(b) ? -1 : 1;
}

function weightOf(route: string): string {
  return route
    .split('/')
    .map((part) => (part.startsWith('{*') ? 2 : part.includes('{') ? 1 : 0))
    .join('');
}
