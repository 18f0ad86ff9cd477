/**
 * Writes docs/api.md from the table of operations (functions/http/operations.ts).
 * Run: `npx node infra/tools/api-page.ts`. A test compares the page with the table.
 */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import type { Operation } from '../../functions/http/operation.ts';
import { operations } from '../../functions/http/operations.ts';
import { pathSegment, tagDescriptions } from './openapi.ts';

const page = new URL('../../docs/api.md', import.meta.url);

/** The whole page. */
export function apiPage(): string {
  const sections = [...Map.groupBy(operations, pathSegment)].map(([segment, all]) => section(segment, all));
  return `${intro}\n${sections.join('\n')}`;
}

function section(segment: string, all: readonly Operation[]): string {
  return `## ${segment}\n\n${tagDescriptions[segment] ?? ''}\n\n${all.map(described).join('\n')}`;
}

function described({ method, path, summary, description, role, perGroup, query, headers }: Operation): string {
  const whose = perGroup ? `role ${role}` : `role ${role} for all enrollment groups`;
  const parameters = [...Object.entries(query.shape), ...Object.entries(headers.shape)].map(([name, schema]) => {
    const text = z.globalRegistry.get(schema)?.description ?? '';
    return `- \`${name}\`${text === '' ? '' : `: ${text}`}\n`;
  });
  const lines = [`### \`${method} /api/${path}\``, `${summary}; ${whose}.${description ? ` ${description}` : ''}`];
  return `${lines.join('\n\n')}\n${parameters.length > 0 ? `\n${parameters.join('')}` : ''}`;
}

const intro = `# HTTP API

<!-- Written by infra/tools/api-page.ts from the table of operations (functions/http/operations.ts); change it there. -->

[openapi.json](openapi.json) describes every parameter, body, answer and error (OpenAPI 3.1); the app serves it as
\`GET /api/openapi.json\`. [openapi.d.ts](openapi.d.ts) has its types for TypeScript, for example with
[openapi-fetch](https://openapi-ts.dev/openapi-fetch/). \`functions/requests.http\` has an example of every request.

## Conventions

- **Callers** send a function key (header \`x-functions-key\` or parameter \`code\`) or a
  [Microsoft Entra token](deploy.md#callers-with-keys). Each operation names the lowest role that may call it; \`reader\`, \`submitter\`
  and \`operator\` include each other in this order.
- **Errors** are problem documents (RFC 9457) with a [code](errors.md) and the next step. One answer names all parameters that are wrong.
  The host itself answers 404 for an unknown path or method, 401 without a valid key, and 400 for what is not HTTP; these have no body.
- **Parameters** that do not exist are refused with the name that was meant. One that stands twice counts as one value with a comma. In a GET, an
  empty one counts as absent.
- **Lists** come in pages: ask for \`nextLink\`, or the path \`next\`, until it is absent. A page can be shorter than \`limit\`.
- **Work that goes on** is answered 202, with the path of the job in \`Location\` and the seconds to wait in \`Retry-After\`. Ask for the
  job until it has \`finishedAt\`; until then, its answers have \`Retry-After\`.
- **Polling**: send the \`ETag\` of the last answer as \`If-None-Match\`. The answer is 304 while nothing has changed. The rate and the
  remaining time of a job count as no change.
- **Repeating a request**: a client that got no answer to \`POST /api/jobs\` sends it again with the same \`Idempotency-Key\`. The same
  request is the same job; another request with that key is refused (422). Keys of one caller are apart from those of another; with
  function keys, all callers are one. A key counts while its manifest is kept (\`manifestRetentionDays\`).
- **Later versions** can add members to an answer, and error codes. Ignore those that you do not know.
`;

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(page, apiPage());
