import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { HttpHandler, HttpRequest, HttpResponseInit } from '@azure/functions';
import { useForwardedHeaders } from './forwarded-calls.ts';

/*
 * The console: static files that infra/bundle-console.ts built. They are the same for everyone and hold no data, so they are served
 * without a sign-in.
 */

/**
 * Script, style and API of this app only; no other site may show it in a frame. lit-html makes all of its HTML by the one policy
 * that is allowed here (https://www.w3.org/TR/trusted-types/).
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types lit-html',
].join('; ');

const pageHeaders = {
  'content-security-policy': contentSecurityPolicy,
  // Not `no-referrer`: built-in authentication then refuses every POST of a signed-in browser (403.60).
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

const mediaTypes: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

/** In the order in which they are offered. `identity` is the file as it is. */
type Encoding = 'br' | 'gzip' | 'identity';

/** The bodies of one file, by encoding. */
type Encoded = ReadonlyMap<Encoding, Uint8Array>;

interface ConsoleFile {
  readonly mediaType: string;
  readonly digest: string;
  readonly encodings: Encoded;
}

/** The files of the console by path, such as `index.html` and `assets/main-ABCD.js`. */
export type ConsoleFiles = () => Promise<ReadonlyMap<string, ConsoleFile>>;

/**
 * Reads the built files at the first request, and once.
 * @param folder with `index.html`, `assets/`, and `.br` and `.gz` beside each asset
 * @param access how callers sign in; the page asks for a key or leads to the sign-in of Microsoft Entra
 */
export function readConsole(folder: URL, access: 'keys' | 'entra'): ConsoleFiles {
  let reading: ReturnType<ConsoleFiles> | undefined;
  return () => {
    reading ??= read(folder, access);
    // A folder that cannot be read is tried again at the next request.
    reading.catch(() => {
      reading = undefined;
    });
    return reading;
  };
}

async function read(folder: URL, access: 'keys' | 'entra'): Promise<ReadonlyMap<string, ConsoleFile>> {
  const names = await readdir(new URL('assets/', folder));
  const files = new Map<string, ConsoleFile>();
  for (const name of names.filter((each) => !/\.(br|gz)$/.test(each))) {
    const asset = (ending: string) => readFile(new URL(`assets/${name}${ending}`, folder));
    const encodings: Encoded = new Map([
      ['br', await asset('.br')],
      ['gzip', await asset('.gz')],
      ['identity', await asset('')],
    ]);
    files.set(`assets/${name}`, fileOf(name, encodings));
  }
  const page = Buffer.from((await readFile(new URL('index.html', folder), 'utf8')).replace('%ACCESS%', access));
  const encodings: Encoded = new Map<Encoding, Uint8Array>([
    ['br', brotliCompressSync(page)],
    ['gzip', gzipSync(page)],
    ['identity', page],
  ]);
  return files.set('index.html', fileOf('index.html', encodings));
}

function fileOf(name: string, encodings: Encoded): ConsoleFile {
  const plain = encodings.get('identity') ?? new Uint8Array();
  const digest = createHash('sha256').update(plain).digest('hex').slice(0, 24);
  return { mediaType: mediaTypes[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream', digest, encodings };
}

/**
 * Answers with a file. Names below `assets/` have a digest of their content, so browsers keep them for a year. Every other path
 * is an address inside the console and gets its page, which browsers ask for again each time.
 */
export function consoleFile(files: ConsoleFiles): HttpHandler {
  return async (request, { invocationId }) => {
    useForwardedHeaders(request, invocationId);
    const path = new URL(request.url).pathname.replace(/^\/console\/?/i, '');
    const isAsset = path.startsWith('assets/');
    const all = await files().catch(() => undefined);
    const file = all?.get(isAsset ? path : 'index.html');
    if (file === undefined) return missing(all === undefined);
    return answer(file, request, isAsset ? 'public, max-age=31536000, immutable' : 'no-cache');
  };
}

/** `/` leads to the console. */
export const consolePage: HttpHandler = async () => ({
  status: 302,
  headers: { location: '/console/', 'cache-control': 'no-store', ...pageHeaders },
});

function answer(
  { encodings, mediaType, digest }: ConsoleFile,
  request: HttpRequest,
  cacheControl: string,
): HttpResponseInit {
  const encoding = encodingFor(request.headers.get('accept-encoding') ?? '');
  const etag = `"${digest}-${encoding}"`;
  const headers = { ...pageHeaders, etag, vary: 'accept-encoding', 'cache-control': cacheControl };
  const known = (request.headers.get('if-none-match') ?? '').split(',').map((each) => each.trim().replace(/^W\//, ''));
  if (known.includes(etag)) return { status: 304, headers };
  const content = {
    'content-type': mediaType,
    ...(encoding !== 'identity' && { 'content-encoding': encoding }),
  };
  const body = encodings.get(encoding) ?? new Uint8Array();
  return { status: 200, headers: { ...headers, ...content }, ...(request.method !== 'HEAD' && { body }) };
}

/** The best encoding that the client accepts (RFC 9110, 12.5.3). A weight of 0 refuses one. */
function encodingFor(accepted: string): Encoding {
  const refused = /;\s*q=0(\.0*)?$/;
  const names = accepted
    .split(',')
    .map((each) => each.trim().toLowerCase())
    .filter((each) => !refused.test(each))
    .map((each) => each.replace(/\s*;.*$/, ''));
  return (['br', 'gzip'] as const).find((each) => names.includes(each)) ?? 'identity';
}

function missing(notBuilt: boolean): HttpResponseInit {
  const body = notBuilt ? 'The console is not in this build. Run: npm run build' : 'There is no such file.';
  const headers = { ...pageHeaders, 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
  return { status: 404, headers, body };
}
