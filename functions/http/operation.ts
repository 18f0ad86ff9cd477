import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import * as z from 'zod';
import type { Caller, Guarded } from '../../lib/access/access.ts';
import { actorName } from '../../lib/access/act.ts';
import { audited, type Note } from '../../lib/audit/audit.ts';
import type { AuditAct } from '../../lib/audit/entry.ts';
import type { ErrorCode } from '../../lib/errors.ts';
import { isObject } from '../../lib/json.ts';
import type { Services } from '../services.ts';
import { type Body, type BodyDefinition, dropRestOfBody, readBody } from './body.ts';
import { joinedQuery, platformParameters, readParameters } from './parameters.ts';
import { type Answers, type Reply, write } from './reply.ts';

/**
 * One operation of the HTTP API. This alone decides its route, who may call it, what it takes, what it answers and how
 * docs/openapi.json describes it.
 */
export interface OperationDefinition<
  Path extends z.ZodObject,
  Query extends z.ZodObject,
  Headers extends z.ZodObject,
  Taken extends BodyDefinition | undefined,
  Given extends Answers,
> extends Guarded {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Below `/api`, with path parameters in braces: `jobs/{jobId}`. */
  readonly path: string;
  /** What it does, in a few words. */
  readonly summary: string;
  /** What a client has to know besides. */
  readonly description?: string;
  /** Path parameters. Text that does not fit is an id that does not exist: `not-found`, with the error of the schema. */
  readonly pathParameters?: Path;
  /** Query parameters, from text. The error of a schema says what is expected. In a GET, an empty one counts as absent. */
  readonly query?: Query;
  /** Request headers that it reads, in lower case, likewise. */
  readonly headers?: Headers;
  /** Absent: it takes no body. */
  readonly body?: Taken;
  /** Whether the audit trail gets its intent and its result. Default: unless it is a GET. */
  readonly audited?: boolean;
  /**
   * It takes rights away. So it is done also when the audit trail takes no entries; all others are refused then. A function,
   * where the body decides.
   */
  readonly takesRightsAway?: boolean | ((body: Body<Taken>) => boolean);
  /** What the intent in the audit trail shows of the body, besides its `reason`: ids and counts. Default: nothing. */
  readonly intentOf?: (body: Body<Taken>) => AuditAct['details'];
  /** By status. A success that is not here does not compile; errors are problem documents and not here. */
  readonly answers: Given;
  /** The errors that it has besides those that every operation can have. */
  readonly errors?: readonly ErrorCode[];
  handle(call: Call<z.output<Path>, z.output<Query>, z.output<Headers>, Body<Taken>>): Promise<Reply<Given>>;
}

/** One request, as an operation gets it. */
export interface Call<Path, Query, Headers, Taken> {
  readonly path: Path;
  readonly query: Query;
  readonly headers: Headers;
  readonly body: Taken;
  /** The request itself, for its URL. */
  readonly request: HttpRequest;
  /** They reach the caller's enrollment groups only. */
  readonly services: Services;
  readonly caller: Caller;
  /** The id of the request in log and traces. */
  readonly requestId: string;
  /** Adds details to its result in the audit trail: ids, counts and digests. Nothing when it is not audited. */
  readonly note: Note;
}

/** An operation whose types of parameters, body and answers are inside. */
export interface Operation
  extends Omit<OperationDefinition<never, never, never, never, never>, 'handle' | 'intentOf' | Typed> {
  readonly pathParameters: z.ZodObject;
  readonly query: z.ZodObject;
  readonly headers: z.ZodObject;
  readonly body: BodyDefinition | undefined;
  readonly answers: Answers;
  /** Reads parameters and body, calls `handle`, and writes its answer. @throws FleetError when the request is refused */
  answer(
    request: HttpRequest,
    context: Pick<Call<never, never, never, never>, 'services' | 'caller' | 'requestId'>,
  ): Promise<HttpResponseInit>;
}
type Typed = 'pathParameters' | 'query' | 'headers' | 'body' | 'answers';

const none = z.object({});
type None = typeof none;

/**
 * @example
 * export const getJob = defineOperation({
 *   id: 'get-job',
 *   method: 'GET',
 *   path: 'jobs/{jobId}',
 *   summary: 'One job',
 *   role: 'reader',
 *   perGroup: true,
 *   pathParameters: z.object({ jobId }),
 *   answers: { 200: { description: 'The job.', schema: jobSchema } },
 *   errors: ['not-found'],
 *   async handle({ path, services }) {
 *     return { status: 200, json: jobView(await findJob(path.jobId, services.jobs), services.now()) };
 *   },
 * });
 */
export function defineOperation<
  const Given extends Answers,
  Path extends z.ZodObject = None,
  Query extends z.ZodObject = None,
  Headers extends z.ZodObject = None,
  Taken extends BodyDefinition | undefined = undefined,
>(definition: OperationDefinition<Path, Query, Headers, Taken, Given>): Operation {
  const { handle, ...rest } = definition;
  const parts = {
    method: definition.method,
    pathParameters: definition.pathParameters ?? none,
    query: definition.query ?? none,
    headers: definition.headers ?? none,
    body: definition.body,
  };
  return {
    ...rest,
    ...parts,
    async answer(request, context) {
      const { path, query, headers } = readParameters(parts, request);
      try {
        const body = await readBody(definition, request);
        const act = (note: Note) => {
          const call = { path, query, headers, body, request, ...context, note };
          return handle(call as Parameters<typeof handle>[0]);
        };
        const { audited: isAudited = definition.method !== 'GET', takesRightsAway, intentOf } = definition;
        if (!isAudited) return write(await act(() => {}));
        const details = intentOf?.(body as Body<Taken>);
        const intended = auditAct({ ...definition, details }, path as object, body, request, context);
        const withoutIntent =
          typeof takesRightsAway === 'function' ? takesRightsAway(body as Body<Taken>) : takesRightsAway;
        return write(await audited(context.services.audit, intended, act, { withoutIntent }));
      } finally {
        // The answer does not wait for it.
        void dropRestOfBody(request);
      }
    },
  };
}

/** Who calls which operation, on what, and why. All texts of the caller have been checked by the operation's schemas. */
function auditAct(
  { id, details }: Guarded & Pick<AuditAct, 'details'>,
  path: object,
  body: unknown,
  request: HttpRequest,
  { caller, requestId }: { readonly caller: Caller; readonly requestId: string },
): AuditAct {
  // The function key can be a parameter. The trail keeps its entries for years.
  const shownQuery = [...joinedQuery(request.query)].filter(([name]) => !platformParameters.includes(name));
  const { reason, ...query } = Object.fromEntries(shownQuery);
  const shown = { ...details, ...(Object.keys(query).length > 0 && { query }) };
  const given = isObject(body) && typeof body['reason'] === 'string' ? body['reason'] : reason;
  return {
    action: id,
    by: actorName(caller),
    role: caller.role,
    subject: { ...path },
    why: given,
    trace: requestId,
    ...(Object.keys(shown).length > 0 && { details: shown }),
  };
}
