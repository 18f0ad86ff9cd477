import type { InvocationContext } from '@azure/functions';
import { asFleetError, excerpt, type FleetError } from '../lib/errors.ts';
import { deadLetterId } from '../lib/jobs/dead-letters.ts';
import { bodyText, decodedBody } from '../lib/jobs/messages.ts';
import { withLog } from '../lib/log.ts';
import { poisonQueue, type QueueName } from '../lib/resource-names.ts';
import { logTo } from './log.ts';
import { type Services, services } from './services.ts';

/** Seconds. A service that asks for more is asked again; five deliveries are then no less than 25 minutes. */
const longestWait = 300;

/**
 * Waits before a failed message goes back to the host, which would deliver it again after a time of its own (host.json),
 * whatever the service asked for. Held here, under its lease, it also keeps its place in the batch, so that less is begun
 * while a service is throttling.
 */
export async function waitAsAsked(error: FleetError): Promise<void> {
  await services().retry.sleep(Math.min(error.details.retryAfter ?? 0, longestWait) * 1000);
}

/**
 * Wraps a queue function. What can succeed later is thrown, so that the host delivers the message again; what cannot is
 * put aside at once, on the queue's poison queue, and its reason kept for the dead letter.
 */
export function onMessage(
  queue: QueueName,
  handle: (body: unknown, services: Services, context: InvocationContext) => Promise<unknown>,
): (message: unknown, context: InvocationContext) => Promise<void> {
  return async (message, context) => {
    const log = logTo(context);
    try {
      await withLog(log, () => handle(decodedBody(message), services(), context));
    } catch (thrown) {
      const error = asFleetError(thrown);
      const { code, message: text, hint } = error;
      log.error('message failed', {
        queue,
        ...idsIn(message),
        code,
        reason: text,
        cause: error.cause instanceof Error ? error.cause.stack : undefined,
      });
      const { deadLetters, queue: outbox } = services();
      await deadLetters.noteReason(deadLetterId(queue, bodyText(message)), queue, { code, message: text, hint });
      if (error.retry) {
        await waitAsAsked(error);
        throw thrown;
      }
      await outbox(poisonQueue(queue)).send([message]);
    }
  };
}

/** What the log says of a message: which job and chunk it is about, and nothing else that stands in it. */
function idsIn(message: unknown): { jobId?: string; chunk?: number } {
  const { jobId, chunk } = Object(message) as Record<string, unknown>;
  return {
    ...(typeof jobId === 'string' && { jobId: excerpt(jobId) }),
    ...(typeof chunk === 'number' && { chunk }),
  };
}
