/*
 * Addresses of the console: /console/ and a path. Each screen has one, filters are its query, and the browser's own buttons
 * work.
 */

const base = '/console';

export interface Place {
  /** Below /console: `/devices/gw-1`. */
  readonly path: string;
  readonly query: URLSearchParams;
}

/** The place of an address; `/` when it is not one of the console. */
export function placeOf({ pathname, search }: { readonly pathname: string; readonly search: string }): Place {
  const path = pathname.startsWith(base) ? pathname.slice(base.length) : '';
  return { path: path === '' ? '/' : path.replace(/(?<=.)\/+$/, ''), query: new URLSearchParams(search) };
}

/**
 * The values of the parameters of a pattern, or undefined when the path does not fit.
 * @example
 * match('/devices/:id', '/devices/gw%2E1') // { id: 'gw.1' }
 */
export function match(pattern: string, path: string): Record<string, string> | undefined {
  const expected = pattern.split('/');
  const found = path.split('/');
  if (expected.length !== found.length) return undefined;
  const values: Record<string, string> = {};
  for (const [index, part] of expected.entries()) {
    const text = decode(found[index] ?? '');
    if (part.startsWith(':') && text !== undefined && text !== '') values[part.slice(1)] = text;
    else if (part !== text) return undefined;
  }
  return values;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** The address of a path with a query; members that are undefined or empty are left out. */
export function to(path: string, query: Readonly<Record<string, string | undefined>> = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => !!entry[1]);
  const search = new URLSearchParams(given).toString();
  return `${base}${path}${search === '' ? '' : `?${search}`}`;
}

/** The same address with other query parameters. */
export function withQuery(place: Place, changes: Readonly<Record<string, string | undefined>>): string {
  return to(place.path, { ...Object.fromEntries(place.query), ...changes });
}

let onMove: () => void = () => {};

/** Calls the listener for each change of the address, and makes links inside the console changes of it. */
export function listen(listener: () => void): void {
  onMove = listener;
  addEventListener('popstate', listener);
  document.addEventListener('click', (event) => {
    const link = (event.target as Element | null)?.closest?.('a[href]');
    if (!(link instanceof HTMLAnchorElement) || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || link.target !== '') return;
    if (link.origin !== location.origin || !link.pathname.startsWith(base) || link.hasAttribute('download')) return;
    if (link.hash !== '' && link.pathname === location.pathname) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}

/** @param replace the address takes the place of the present one, as for a filter that is being typed */
export function go(address: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, '', address);
  else if (address !== location.pathname + location.search) history.pushState(null, '', address);
  onMove();
}
