import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { getRequestListener } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { type Context, Hono } from 'hono';
import { isDisabled, resolveSettings } from './app.ts';
import { dropBody, type Exchange, forward } from './forwarding.ts';
import { createFrontEnd, type FrontEndOptions } from './front-end.ts';
import type { FunctionsCore, HttpData, RegisteredFunction, TypedData } from './functions-core.ts';
import type { HostLog, Invoke } from './invocation.ts';
import { type RouteMatcher, routeMatcher, specificFirst } from './routes.ts';

export interface HttpServerOptions extends FrontEndOptions {
  readonly core: FunctionsCore;
  readonly invoke: Invoke;
  readonly routePrefix: string;
  /** Host key: opens every function of level `function`. */
  readonly functionKey: string;
  /** Keys of single functions, by the name of the function. Each opens that function only. */
  readonly keysOfFunctions: ReadonlyMap<string, readonly string[]>;
  /** Key for every function and for `/admin`. */
  readonly masterKey: string;
  /**
   * Whether the header `x-ms-client-principal` of a caller reaches the functions. In Azure, built-in authentication replaces it.
   * Here it lets a test act as any user.
   */
  readonly passPrincipal: boolean;
  /** Address of the worker's HTTP server, when the app has enabled HTTP streams. */
  readonly workerUrl?: string;
  readonly settings: NodeJS.ProcessEnv;
  readonly log: HostLog;
}

/**
 * The longest body in bytes, unless the app setting FUNCTIONS_REQUEST_BODY_SIZE_LIMIT says otherwise.
 * https://learn.microsoft.com/azure/azure-functions/functions-app-settings#functions_request_body_size_limit
 */
const defaultMaxBodyBytes = 100 * 1024 * 1024;

/** A call, with the request and the response of Node. Those of the library are made when something asks for them. */
type Call = Context<{ Bindings: Exchange }>;

/** Values of the parameters of a route. */
type RouteValues = Readonly<Record<string, string>>;

/** Creates the server of the HTTP triggers, with the routes, methods and keys that their functions declare. */
export function createHttpServer(options: HttpServerOptions): Server | HttpsServer {
  const { core, routePrefix, settings } = options;
  const app = new Hono<{ Bindings: Exchange }>();
  app.get('/admin/host/status', (context) => {
    if (keyOf(context) !== options.masterKey) return refuse(context, 401);
    return context.json({ id: 'local', state: 'Running', functions: [...core.functions.keys()] });
  });
  app.post('/admin/functions/:name', (context) => {
    if (keyOf(context) !== options.masterKey) return refuse(context, 401);
    const target = core.functions.get(context.req.param('name'));
    if (target === undefined || !isTimer(target) || isDisabled(target.name, settings))
      return new Response(null, { status: 404 });
    runTimer(target, options);
    return new Response(null, { status: 202 });
  });
  const functions = httpFunctions(core, routePrefix, settings);
  app.all('*', async (context: Call) => {
    const path = new URL(context.req.url).pathname;
    for (const target of functions) {
      // As on the real host, a method that no function of the route has is 404.
      if (!target.http.methods.includes(context.req.method)) continue;
      const values = target.matches(path);
      if (values === undefined) continue;
      if (!isAllowed(target, keyOf(context), options)) return refuse(context, 401);
      return answer(target.registered, { call: context, values }, options);
    }
    return refuse(context, 404);
  });
  // The library makes its requests and responses of the classes of Node, as in the worker.
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  return createFrontEnd(
    (request: IncomingMessage, response: ServerResponse) => void listener(request, response),
    options,
  );
}

function isTimer({ bindings }: RegisteredFunction): boolean {
  return Object.values(bindings).some(({ type }) => type === 'timerTrigger');
}

/**
 * Runs a timer function now, beside its schedule.
 * https://learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http
 */
function runTimer(target: RegisteredFunction, { invoke, log }: HttpServerOptions): void {
  const info = { Schedule: { AdjustForDST: true }, ScheduleStatus: null, IsPastDue: false };
  invoke(target, { data: { json: JSON.stringify(info) }, metadata: {} }).catch((error: unknown) =>
    logFailure(error, target, log),
  );
}

interface HttpFunction {
  readonly registered: RegisteredFunction;
  readonly http: { readonly methods: string[]; readonly route: string; readonly authLevel: string };
  readonly matches: RouteMatcher;
}

/** The functions with an HTTP trigger. The first one that has the method and the path of a call is used. */
function httpFunctions(core: FunctionsCore, routePrefix: string, settings: NodeJS.ProcessEnv): HttpFunction[] {
  const found: HttpFunction[] = [];
  for (const registered of core.functions.values()) {
    const trigger = Object.values(registered.bindings).find(({ type }) => type === 'httpTrigger');
    if (trigger === undefined || isDisabled(registered.name, settings)) continue;
    const route = resolveSettings(String(trigger['route'] ?? registered.name), settings);
    const methods = (trigger['methods'] as string[] | undefined) ?? ['GET', 'POST'];
    found.push({
      registered,
      http: { methods, route, authLevel: String(trigger['authLevel'] ?? 'anonymous') },
      matches: routeMatcher(routePrefix, route),
    });
  }
  return found.sort((a, b) => specificFirst(a.http.route, b.http.route));
}

async function refuse({ env: { incoming } }: Call, status: number): Promise<Response> {
  await dropBody(incoming);
  return new Response(null, { status });
}

function keyOf({ req, env: { incoming } }: Call): string | undefined {
  const sent = incoming.headers['x-functions-key'];
  return typeof sent === 'string' ? sent : req.query('code');
}

function isAllowed(
  { registered, http: { authLevel } }: HttpFunction,
  key: string | undefined,
  { functionKey, keysOfFunctions, masterKey }: HttpServerOptions,
): boolean {
  if (authLevel === 'anonymous' || key === masterKey) return true;
  if (authLevel !== 'function' || key === undefined) return false;
  return key === functionKey || (keysOfFunctions.get(registered.name) ?? []).includes(key);
}

interface Routed {
  readonly call: Call;
  readonly values: RouteValues;
}

async function answer(
  target: RegisteredFunction,
  { call, values }: Routed,
  options: HttpServerOptions,
): Promise<Response> {
  const { invoke, settings, workerUrl } = options;
  const limit = Number(settings['FUNCTIONS_REQUEST_BODY_SIZE_LIMIT'] || defaultMaxBodyBytes);
  // Measured on the real host: an error without a body, and not 413.
  if (Number(call.env.incoming.headers['content-length']) > limit) return refuse(call, 500);
  const url = withJoinedQuery(new URL(call.req.url));
  const headers = passedHeaders(call, options);
  if (workerUrl !== undefined) return streamedAnswer(target, call, { url, values, headers, options, workerUrl });
  const body = await bodyOf(call, target, options.log);
  try {
    const data = { http: httpData(call, { url, values, headers, body }) };
    const { returnValue } = await invoke(target, { data, metadata: {} });
    return toResponse(returnValue?.http);
  } catch (error) {
    logFailure(error, target, options.log);
    return new Response(null, { status: 500 });
  }
}

interface Streamed {
  /** Of the call, with its query as the function gets it. */
  readonly url: URL;
  readonly values: RouteValues;
  readonly headers: Readonly<Record<string, string>>;
  readonly options: HttpServerOptions;
  readonly workerUrl: string;
}

/**
 * The answer of a function that uses HTTP streams: the invocation gets the headers and route values, and the worker's HTTP
 * server has the bodies.
 */
async function streamedAnswer(
  target: RegisteredFunction,
  { env }: Call,
  { url, values, headers, options: { invoke, log }, workerUrl }: Streamed,
): Promise<Response> {
  const invocationId = randomUUID();
  const { answered, abort } = forward(new URL(workerUrl), env, { invocationId, url, headers });
  const metadata = bindingData(url, values, headers);
  invoke(target, { data: {}, metadata, invocationId }).catch((error: unknown) => {
    logFailure(error, target, log);
    abort();
  });
  try {
    await answered;
    return RESPONSE_ALREADY_SENT;
  } catch {
    return new Response(null, { status: 500 });
  }
}

/**
 * The binding data of a request in the order of the HTTP extension of the real host: query parameters, route values over
 * them, and the collections `Headers` and `Query` only if nothing has these names, whatever their case. A caller can so
 * replace `Headers`, from which the library takes the headers of a forwarded request. The members of a JSON body, which the
 * real host adds first, are not emulated.
 */
function bindingData(
  { searchParams }: URL,
  params: RouteValues,
  headers: Readonly<Record<string, string>>,
): Record<string, TypedData> {
  const query = Object.fromEntries(searchParams);
  const values = Object.entries({ ...query, ...params }).filter(([name]) => name.toLowerCase() !== 'code');
  const names = new Set(values.map(([name]) => name.toLowerCase()));
  return {
    ...Object.fromEntries(values.map(([name, value]) => [name, { string: value }])),
    ...(!names.has('headers') && { Headers: { json: JSON.stringify(headers) } }),
    ...(!names.has('query') && { Query: { json: JSON.stringify(query) } }),
  };
}

/** The URL with each query parameter once: the real host joins the values of a name with a comma. */
function withJoinedQuery(url: URL): URL {
  const names = new Set(url.searchParams.keys());
  if (names.size === url.searchParams.size) return url;
  for (const name of names) url.searchParams.set(name, url.searchParams.getAll(name).join(','));
  return url;
}

function logFailure(error: unknown, target: RegisteredFunction, log: HostLog): void {
  const message = `Result: Failure\nException: ${error instanceof Error ? error.stack : String(error)}`;
  log({ level: 'error', category: 'host', functionName: target.name, message });
}

/** Reads the body if the request has a Content-Length. As on the real host, a chunked body is not passed on. */
async function bodyOf(
  { env: { incoming } }: Call,
  target: RegisteredFunction,
  log: HostLog,
): Promise<Buffer | undefined> {
  if (Number(incoming.headers['content-length'] ?? 0) > 0) return Buffer.concat(await Array.fromAsync(incoming));
  if (incoming.headers['transfer-encoding'] !== undefined) {
    const message = 'The request has no Content-Length. As in Azure, the function gets it without its body.';
    log({ level: 'warning', category: 'host', functionName: target.name, message });
    await dropBody(incoming);
  }
  return undefined;
}

function httpData(
  { req }: Call,
  { url, values, headers, body }: Pick<Streamed, 'url' | 'values' | 'headers'> & { readonly body: Buffer | undefined },
): HttpData {
  const valued = (entries: Iterable<[string, string]>) =>
    Object.fromEntries([...entries].map(([name, value]) => [name, { value }]));
  return {
    url: url.href,
    method: req.method,
    nullableHeaders: valued(Object.entries(headers)),
    nullableQuery: valued(url.searchParams),
    nullableParams: valued(Object.entries(values)),
    ...(body === undefined ? {} : { body: { bytes: body } }),
  };
}

/**
 * The headers that a function gets, by their names in lower case. They are read from `rawHeaders`, since the front end changes
 * these only. Values of one name are joined with a comma.
 */
function passedHeaders(
  { env }: Call,
  { passPrincipal }: Pick<HttpServerOptions, 'passPrincipal'>,
): Readonly<Record<string, string>> {
  const { rawHeaders } = env.incoming;
  const headers: Record<string, string> = Object.create(null);
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? '';
    if (!passPrincipal && name.startsWith('x-ms-client-principal')) continue;
    const value = rawHeaders[index + 1] ?? '';
    const before = headers[name];
    headers[name] = before === undefined ? value : `${before},${value}`;
  }
  return headers;
}

function toResponse(http: HttpData | undefined): Response {
  if (http === undefined) return new Response(null, { status: 200 });
  const { statusCode, headers, body } = http;
  const content = body?.bytes ?? body?.string ?? body?.json;
  const status = Number(statusCode ?? 200);
  const isBodiless = content === undefined || status === 204 || status === 304;
  return new Response(isBodiless ? null : Buffer.from(content), { status, headers: headers ?? {} });
}
