import type { HttpHandler, HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import * as z from 'zod';
import { asFleetError, FleetError } from '../../lib/errors.ts';
import { acceptsKey } from '../../lib/groups/allocation-hook.ts';
import type { GroupRecord } from '../../lib/groups/group.ts';
import { withLog } from '../../lib/log.ts';
import { type Allocation, allocateDevice } from '../../lib/pipeline/allocate-device.ts';
import { logTo } from '../log.ts';
import { type Services, services } from '../services.ts';
import { dropRestOfBody, readBody } from './body.ts';
import { useForwardedHeaders } from './forwarded-calls.ts';
import { answerHeaders } from './reply.ts';

/*
 * The webhook that DPS calls about each registration of a group with `allocation` "orchestrator"
 * (https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation). It is not an operation of the API: the caller is DPS,
 * which cannot sign in and sends a key in the query, and the answers are those that DPS knows:
 *
 * 200 with a hub: assigned. 401, 403: the registration fails. 503: DPS asks again, ten times within eight minutes.
 */

/** Below `/api`. */
export const allocationRoute = 'allocations/{group}';

const hostName = z.string().min(1).max(260);

/** The members of the request that are read. The others repeat the enrollment group, which our record has. */
const body = {
  kind: 'json',
  description: 'AllocationRequest of DPS.',
  schema: z.object({
    enrollmentGroup: z.object({ enrollmentGroupId: z.string().max(128) }).nullish(),
    deviceRuntimeContext: z.object({
      registrationId: z.string().min(1).max(128),
      currentIotHubHostName: hostName.nullish(),
      // A certificate has a few KB; with a chain of RSA-4096 around it, less than this.
      x509: z
        .object({
          clientCertificate: z
            .string()
            .max(64 * 1024)
            .nullish(),
        })
        .nullish(),
    }),
    // DPS takes 50 linked hubs.
    linkedHubs: z.array(hostName).max(100),
  }),
  // A twin of 40 KB, certificates, a payload of the device, and room.
  maxBytes: 512 * 1024,
} as const;

type Request = z.output<(typeof body)['schema']>;

/** Milliseconds within which groups are read again once for a key that is not known. */
const rereadMs = 1000;

/** @param given the services of the process; default: those that the settings describe */
export function allocationHandler(given: () => Services = services): HttpHandler {
  let rereadAt = Number.NEGATIVE_INFINITY;

  async function answer(request: HttpRequest): Promise<Allocation> {
    const service = given();
    const group = await authenticated(request, service);
    const sent = (await readBody({ id: 'allocate-device', body }, request)) as Request;
    return allocateDevice(allocationRequest(sent), group, service);
  }

  /**
   * The group whose key the caller has. The groups in memory can be from before its latest key, so they are read again; but at
   * most once a second, since anyone can send a wrong key.
   * @throws FleetError `unauthorized`, also for a group that does not exist; `unavailable` when that could not be looked up
   */
  async function authenticated(
    request: HttpRequest,
    { groups, now }: Pick<Services, 'groups' | 'now'>,
  ): Promise<GroupRecord> {
    const key = request.query.get('code') ?? '';
    const accepted = async (maxAgeSeconds?: number) => {
      const all = await groups.directory(maxAgeSeconds === undefined ? {} : { maxAgeSeconds });
      const group = all.get(request.params['group'] ?? '')?.value;
      const hook = group?.allocationHook;
      return hook !== undefined && key.length <= 256 && acceptsKey(hook, key, now()) ? group : undefined;
    };
    const known = await accepted();
    if (known !== undefined) return known;
    const at = now().getTime();
    if (at - rereadAt < rereadMs)
      throw new FleetError('unavailable', 'The key cannot be looked up now.', { retryAfter: 2 });
    rereadAt = at;
    const latest = await accepted(0);
    if (latest !== undefined) return latest;
    throw new FleetError('unauthorized', 'The key of the webhook is not one of this group.');
  }

  return async (request, context) => {
    useForwardedHeaders(request, context.invocationId);
    try {
      return await withLog(logTo(context), async () => reply(await answer(request), request, context));
    } catch (thrown) {
      return failed(asFleetError(thrown), request, context);
    } finally {
      void dropRestOfBody(request);
    }
  };
}

function allocationRequest({ enrollmentGroup, deviceRuntimeContext: device, linkedHubs }: Request) {
  return {
    enrollmentGroup: enrollmentGroup?.enrollmentGroupId,
    registrationId: device.registrationId,
    clientCertificate: device.x509?.clientCertificate ?? undefined,
    currentHub: device.currentIotHubHostName ?? undefined,
    linkedHubs,
  };
}

function reply(allocation: Allocation, request: HttpRequest, context: InvocationContext): HttpResponseInit {
  if ('refused' in allocation) {
    // DPS tells the device the status only, so the reason is here.
    logTo(context).warn('registration refused', { group: request.params['group'], reason: allocation.refused });
    return text(403, allocation.refused);
  }
  const { hub, initialTwin } = allocation;
  const twin = initialTwin && { tags: initialTwin.tags, properties: { desired: initialTwin.desired } };
  return {
    status: 200,
    headers: answerHeaders,
    jsonBody: { iotHubHostName: hub, ...(twin && { initialTwin: twin }) },
  };
}

/** An error that passes is 503: DPS takes any other status below 429 as its last word. */
function failed(error: FleetError, request: HttpRequest, context: InvocationContext): HttpResponseInit {
  const status = error.retry || error.status >= 500 ? 503 : error.status;
  const group = request.params['group'];
  logTo(context).warn('registration not decided', { group, code: error.code, reason: error.message, status });
  return text(status, `${error.code}: ${error.message}`);
}

const text = (status: number, message: string): HttpResponseInit => ({
  status,
  headers: { ...answerHeaders, 'content-type': 'text/plain; charset=utf-8' },
  body: `${message}\n`,
});
