import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { verifyMasterKey } from './authorization.ts';
import { CosmosError, tooLarge } from './errors.ts';
import { type CosmosAnswer, type CosmosRequest, parseResourceLink } from './request.ts';
import { emptyCharge } from './request-units.ts';
import type { GroupCommit } from './store/database.ts';

export interface ServerOptions {
  readonly answer: (request: CosmosRequest) => CosmosAnswer;
  readonly commits: GroupCommit;
  /** Account key, decoded. */
  readonly key: Buffer;
  readonly log: (line: string) => void;
}

/** Enough for a document of 2 MB in a batch in which every character is escaped. */
const maxBodyBytes = 16 * 1024 * 1024;

/** Creates the HTTP server. It executes a request once it has the whole body, and answers after the writes are committed. */
export function createCosmosServer({ answer, commits, key, log }: ServerOptions): Server {
  let sequence = 0;

  function answerTo(request: IncomingMessage, body: Buffer): CosmosAnswer {
    try {
      const { method = 'GET', url = '/' } = request;
      const link = parseResourceLink(url.split('?', 1)[0] ?? '/');
      const header = (name: string) => {
        const value = request.headers[name];
        return Array.isArray(value) ? value[0] : value;
      };
      verifyMasterKey({ method, resourceType: link.resourceType, resourceLinks: link.resourceLinks, header }, key);
      const origin = `http://${request.headers.host ?? 'localhost'}`;
      return answer({ method, link, header, body, origin });
    } catch (error) {
      return errorAnswer(error);
    }
  }

  function errorAnswer(error: unknown): CosmosAnswer {
    if (error instanceof CosmosError) {
      const { status, code, message, headers } = error;
      return { status, body: JSON.stringify({ code, message }), headers, charge: status === 429 ? 0 : emptyCharge };
    }
    log(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return {
      status: 500,
      body: JSON.stringify({ code: 'InternalServerError', message: 'An unknown error occurred.' }),
      charge: 0,
    };
  }

  function send(response: ServerResponse, { status, body, headers, charge }: CosmosAnswer): void {
    sequence += 1;
    const length = body === undefined ? 0 : Buffer.byteLength(body);
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': length,
      'x-ms-activity-id': randomUUID(),
      'x-ms-request-charge': String(charge),
      'x-ms-session-token': `0:-1#${sequence}`,
      'x-ms-version': '2020-07-15',
      ...headers,
    });
    response.end(body);
  }

  return createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const parts: Buffer[] = [];
    let size = 0;
    request.on('data', (part: Buffer) => {
      size += part.length;
      if (size <= maxBodyBytes) parts.push(part);
    });
    request.on('error', () => response.destroy());
    request.on('end', () => {
      const made = size > maxBodyBytes ? errorAnswer(tooLarge()) : answerTo(request, Buffer.concat(parts));
      commits.afterCommit((failure) => send(response, failure === undefined ? made : errorAnswer(failure)));
    });
  });
}
