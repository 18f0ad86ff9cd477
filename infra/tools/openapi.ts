/**
 * Writes docs/openapi.json from the table of operations (functions/http/operations.ts), and docs/openapi.d.ts, the same as types
 * for clients in TypeScript.
 * Run: `npx node infra/tools/openapi.ts`. A test compares the files with the table.
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import openapiTypes, { astToString } from 'openapi-typescript';
import * as z from 'zod';
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponseObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi';
import type { BodyDefinition } from '../../functions/http/body.ts';
import { events } from '../../functions/http/event-schemas.ts';
import type { Operation } from '../../functions/http/operation.ts';
import { operations } from '../../functions/http/operations.ts';
import type { Answer } from '../../functions/http/reply.ts';
import { problem } from '../../functions/http/schemas.ts';
import { type ErrorCode, FleetError } from '../../lib/errors.ts';
import { isObject } from '../../lib/json.ts';

const file = new URL('../../docs/openapi.json', import.meta.url);
const typesFile = new URL('../../docs/openapi.d.ts', import.meta.url);
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const introduction = `From a factory's list of devices to a fleet that joins Azure by itself.

Errors are problem documents (RFC 9457) with one of the codes of \`ErrorCode\`. An answer can gain members and codes; ignore those
that you do not know.

The Functions host answers some requests before this app sees them, without a problem document: 404 for a path or a method that does
not exist, 401 for a request without a valid function key, and 413 for a body over its own limit. With Microsoft Entra, built-in
authentication answers 401 for a request without a valid token.`;

/** The errors that any operation can have. */
const commonErrors: readonly ErrorCode[] = [
  'request-invalid',
  'unauthorized',
  'forbidden',
  'request-too-large',
  'setting-invalid',
  'internal',
  'throttled',
  'unavailable',
];

/** The description of the API. */
export function openApi(): object {
  const document = createDocument(
    {
      openapi: '3.1.1',
      info: {
        title: 'fleet-orchestrator',
        version,
        description: introduction,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [
        { url: 'http://localhost:7071/api', description: 'On one machine: npm start' },
        {
          url: 'https://{app}.azurewebsites.net/api',
          description: 'In Azure',
          variables: { app: { default: 'func-fleet', description: 'Name of the function app.' } },
        },
      ],
      security: [{ functionKey: [] }, { functionKeyInQuery: [] }, { entra: [] }],
      tags: tags(),
      paths: paths(),
      webhooks: Object.fromEntries(events.map((event) => [event.type, { post: posted(event) }])),
      components: {
        securitySchemes: {
          functionKey: {
            type: 'apiKey',
            in: 'header',
            name: 'x-functions-key',
            description: 'Function key of a role.',
          },
          functionKeyInQuery: { type: 'apiKey', in: 'query', name: 'code', description: 'The same, in the URL.' },
          entra: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description:
              'Token of Microsoft Entra with the app role of the operation (`x-required-role`), or a higher one.',
          },
        },
      },
    },
    {
      override: ({ jsonSchema, io }) => {
        // An answer can gain members in a later version, so a client must not refuse those that it does not know.
        if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
        // A name is text anyway. openapi-typescript makes an impossible type of it.
        delete jsonSchema.propertyNames;
        // The limits of a JavaScript integer say nothing of the value.
        if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
        if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      },
    },
  );
  for (const { get } of Object.values(document.paths ?? {})) {
    for (const parameter of get?.parameters ?? []) {
      // An empty one counts as absent.
      const isQuery = 'in' in parameter && parameter.in === 'query';
      if (isQuery && parameter.required !== true) parameter.allowEmptyValue = true;
    }
  }
  return document;
}

const webhookHeaders = z.object({
  'webhook-id': z.string().describe('The id of the event: the same for each attempt.'),
  'webhook-timestamp': z.string().describe('Seconds since 1970, of this attempt.'),
  'webhook-signature': z
    .string()
    .describe('`v1,` and base64 of the HMAC-SHA256; two of them while a secret is rotated.'),
});

/** What a webhook gets. It has no security scheme of this API: its signature is what a receiver checks. */
function posted({ type, meaning, schema }: (typeof events)[number]): ZodOpenApiOperationObject {
  return {
    operationId: type,
    tags: ['webhooks'],
    summary: meaning,
    security: [],
    requestParams: { header: webhookHeaders },
    requestBody: { required: true, content: { 'application/cloudevents+json': { schema } } },
    responses: {
      '2XX': { description: 'It was received.' },
      '410': { description: 'The receiver is gone: the webhook is disabled.' },
      default: { description: 'It is sent again, ten times over three days.' },
    },
  };
}

/** The first segment of a path, and what is there. */
export const tagDescriptions: Readonly<Record<string, string>> = {
  'enrollment-groups': 'What is declared of an enrollment group, and its issuing CAs.',
  checks: 'What a job would make of a list.',
  jobs: 'Submitted manifests and what becomes of their rows.',
  uploads: 'Addresses for manifests that are too long for a request.',
  devices: 'Device records and bundles.',
  renewals: 'Which devices renew their certificates, and which have to be issued again.',
  findings: 'What was seen in Azure that the records do not say.',
  audit: 'Who did what, when and why.',
  certificates: 'Which devices hold which certificates.',
  'certificate-authorities': 'CAs that workers make for themselves, and blocking one.',
  'device-acts': 'Suspend, revoke, restore or scrap many devices.',
  'dead-letters': 'Messages that failed for good.',
  webhooks: 'Addresses that events are posted to.',
  summary: 'Counts of devices, jobs, certificates, groups, findings, dead letters and messages.',
  health: 'The state of every dependency.',
  'openapi.json': 'This description.',
  me: 'The caller.',
};

function tags(): { name: string; description: string }[] {
  return [...new Set(operations.map(pathSegment))].map((name) => {
    const description = tagDescriptions[name];
    if (description === undefined) throw new Error(`tagDescriptions lacks ${name}.`);
    return { name, description };
  });
}

/** The first segment of the path of an operation, by which operations are grouped. */
export function pathSegment({ path }: Pick<Operation, 'path'>): string {
  return path.split('/')[0] ?? path;
}

function paths(): ZodOpenApiPathsObject {
  const byPath = Map.groupBy(operations, ({ path }) => `/${path}`);
  return Object.fromEntries(
    [...byPath].map(([path, all]) => [
      path,
      Object.fromEntries(all.map((operation) => [operation.method.toLowerCase(), described(operation)])),
    ]),
  );
}

function described(operation: Operation): ZodOpenApiOperationObject {
  const { id, summary, description, role, perGroup, pathParameters, query, headers, body } = operation;
  return {
    operationId: id,
    tags: [pathSegment(operation)],
    summary,
    ...(description !== undefined && { description }),
    'x-required-role': role,
    'x-per-group': perGroup,
    requestParams: { path: pathParameters, query, header: headers },
    ...(body !== undefined && { requestBody: requestBody(body) }),
    responses: responses(operation),
  };
}

function requestBody(body: BodyDefinition): NonNullable<ZodOpenApiOperationObject['requestBody']> {
  const { description, maxBytes } = body;
  const content =
    body.kind === 'stream'
      ? Object.fromEntries(Object.entries(body.mediaTypes).map(([type, what]) => [type, text(what)]))
      : { 'application/json': { schema: body.schema } };
  const required = body.kind !== 'json' || body.optional !== true;
  return { description: `${description} At most ${maxBytes} bytes.`, required, content };
}

function text(description?: string): { schema: { type: 'string'; minLength?: number; description?: string } } {
  return { schema: { type: 'string', ...(description !== undefined && { minLength: 1, description }) } };
}

function responses(operation: Operation): ZodOpenApiResponsesObject {
  const answers = Object.entries(operation.answers).map(([status, answer]) => [status, response(answer)]);
  const byStatus = Map.groupBy(errorsOf(operation), (code) => new FleetError(code, '').status);
  const errors = [...byStatus]
    .filter(([status]) => operation.answers[status] === undefined)
    .map(([status, codes]) => [status, problemResponse(codes)]);
  return Object.fromEntries([...answers, ...errors]);
}

/** The codes of the problem documents that an operation can answer with. */
export function errorsOf({ errors = [], pathParameters, method }: Operation): readonly ErrorCode[] {
  const notFound: ErrorCode[] = Object.keys(pathParameters.shape).length > 0 ? ['not-found'] : [];
  const change: ErrorCode[] = method === 'GET' ? [] : ['concurrent-change', 'other-site'];
  return [...new Set([...errors, ...notFound, ...change, ...commonErrors])];
}

function response({ description, headers, schema, mediaTypes }: Answer): ZodOpenApiResponseObject {
  const json = schema === undefined ? {} : { 'application/json': { schema } };
  const files = Object.fromEntries((mediaTypes ?? []).map((type) => [type, text()]));
  const content = { ...json, ...files };
  return {
    description,
    ...(headers !== undefined && { headers: z.object(headers) }),
    ...(Object.keys(content).length > 0 && { content }),
  };
}

const retryAfter = z.int().min(0).describe('Seconds to wait.');

/** The responses for the same codes are one component, named after its status. */
const problemResponses = new Map<string, ZodOpenApiResponseObject>();

function problemResponse(codes: readonly ErrorCode[]): ZodOpenApiResponseObject {
  const key = codes.join(' ');
  const known = problemResponses.get(key);
  if (known !== undefined) return known;
  const made = describedProblem(codes);
  problemResponses.set(key, made);
  return made;
}

function describedProblem(codes: readonly ErrorCode[]): ZodOpenApiResponseObject {
  const [first = 'internal'] = codes;
  const { status } = new FleetError(first, '');
  const isCommon = codes.every((code) => commonErrors.includes(code));
  return {
    ...(isCommon && { id: `Error${status}` }),
    description: codes.map((code) => `\`${code}\`: ${new FleetError(code, '').hint}`).join('\n\n'),
    ...(status === 503 && { headers: z.object({ 'retry-after': retryAfter.optional() }) }),
    // The host's own 401 has no body, so its media type is not promised.
    ...(status !== 401 && { content: { 'application/problem+json': { schema: problemOf(codes) } } }),
  };
}

function problemOf(codes: readonly ErrorCode[]): z.ZodType {
  return problem.and(z.object({ title: z.enum(codes) }));
}

/** docs/openapi.json, as it is committed. */
export function openApiFile(): string {
  return `${JSON.stringify(openApi(), tidied, 2)}\n`;
}

/**
 * What zod and zod-openapi write beside the meaning. A twin holds any JSON: zod writes a schema that names itself, for each use,
 * where no constraint says the same. And beside the `$ref` of a strict object, `additionalProperties` would refuse all members
 * of the other schema.
 */
function tidied(name: string, value: unknown): unknown {
  if (name.startsWith('__schema')) return undefined;
  if (!isObject(value) || typeof value['$ref'] !== 'string') return value;
  const { additionalProperties: _, ...reference } = value;
  return value['$ref'].includes('/__schema') ? {} : reference;
}

/** docs/openapi.d.ts, as it is committed. */
export async function openApiTypesFile(): Promise<string> {
  // A member with a default may be left out of a request.
  const types = astToString(await openapiTypes(openApiFile(), { defaultNonNullable: false }));
  return `// Written by infra/tools/openapi.ts from docs/openapi.json; change it there.\n\n${types}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(file, openApiFile());
  await writeFile(typesFile, await openApiTypesFile());
}
