import type { InvocationContext } from '@azure/functions';
import { asFleetError, excerpt, type FleetError } from '../lib/errors.ts';
import { deadLetterId } from '../lib/jobs/dead-letters.ts';
import { bodyText, decodedBody } from '../lib/jobs/messages.ts';
import { withLog } from '../lib/log.ts';
import { poisonQueue, type QueueName } from '../lib/resource-names.ts';
import { retrying } from '../lib/retry.ts';
import { logTo } from './log.ts';
import { type Services, services } from './services.ts';

type QueueHandler = (message: unknown, context: InvocationContext) => Promise<void>;

/**
 * Wraps the handler of a queue. An error that can pass (`retry`) is thrown, so that the host delivers the message again.
 * Any other error moves the message to the poison queue at once. The reason is kept for the dead letter either way.
 * @param handle gets the message as JSON, decoded from base64 if necessary
 */
export function onMessage(
  queue: QueueName,
  handle: (body: unknown, services: Services) => Promise<unknown>,
): QueueHandler {
  return async (message, context) => {
    const log = logTo(context);
    try {
      await withLog(log, () => handle(decodedBody(message), services()));
    } catch (thrown) {
      const error = asFleetError(thrown);
      const { reason, cause } = error;
      const stack = cause instanceof Error ? cause.stack : undefined;
      log.error('message failed', {
        queue,
        ...idsIn(message),
        code: reason.code,
        reason: reason.message,
        cause: stack,
      });

      const { deadLetters, queue: queueNamed, retry } = services();
      await deadLetters.noteReason(deadLetterId(queue, bodyText(message)), queue, reason);
      if (error.retry) {
        await waitRetryAfter(error, retry.sleep);
        throw thrown;
      }
      await queueNamed(poisonQueue(queue)).send([message]);
    }
  };
}

/**
 * Wraps the handler of a poison queue. The host does not release a message of a poison queue when its function fails: it stays
 * hidden for the rest of its lease, ten minutes. So one lost write would hold up the end of a job for as long. An error that can
 * pass is therefore retried here, for as long as a call waits for a service anyway. After that it is thrown, and the message
 * comes again once its lease ends.
 * @param handle gets the text of the message
 */
export function onPoisonMessage(
  handle: (body: string, services: Services) => Promise<unknown>,
  servicesOf: () => Services = services,
): QueueHandler {
  return async (message, context) => {
    const given = servicesOf();
    const once = () => handle(bodyText(message), given);
    await withLog(logTo(context), () => retrying(once, { ...given.retry, now: given.now }));
  };
}

/** Seconds. With it, the five deliveries of a message (host.json) span 25 minutes while a service asks for longer waits. */
const maxWaitSeconds = 300;

/**
 * Waits for as long as the service asked (Retry-After) before a failed message goes back to the host, which waits for
 * `visibilityTimeout` (host.json) only. The message keeps its lease and its place in the batch during the wait, so the
 * instance takes on less work while a service throttles it.
 */
async function waitRetryAfter(error: FleetError, sleep: (milliseconds: number) => Promise<void>): Promise<void> {
  await sleep(Math.min(error.details.retryAfter ?? 0, maxWaitSeconds) * 1000);
}

/** Job and chunk of a message for the log. Nothing else of the message is logged. */
function idsIn(message: unknown): { jobId?: string; chunk?: number } {
  const { jobId, chunk } = Object(message) as Record<string, unknown>;
  return {
    ...(typeof jobId === 'string' && { jobId: excerpt(jobId) }),
    ...(typeof chunk === 'number' && { chunk }),
  };
}
