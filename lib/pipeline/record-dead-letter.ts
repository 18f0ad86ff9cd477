import { type FailureReason, FleetError } from '../errors.ts';
import { failUndispatched } from '../jobs/count-part.ts';
import { type DeadLetter, deadLetterId, orderRefused } from '../jobs/dead-letters.ts';
import { jobIdOf } from '../jobs/job.ts';
import { decodedBody, parseChunkMessage, parseEnrollmentMessage } from '../jobs/messages.ts';
import { parseBlobCreated } from '../manifest/upload-event.ts';
import { orderKeys } from '../orders/order.ts';
import { owe } from '../outbox.ts';
import { type QueueName, queues } from '../resource-names.ts';
import { type AbandonPorts, abandonChunk } from './abandon-chunk.ts';
import { abandonEnrollments, type EnrollPorts } from './enroll-devices.ts';
import type { Ports } from './ports.ts';

export type DeadLetterPorts = AbandonPorts & EnrollPorts & Pick<Ports, 'deadLetters'>;

/** The reason where no delivery lived long enough to leave one. */
const unknownReason: FailureReason = new FleetError(
  'gave-up',
  'No delivery reported an error; the worker crashed or timed out each time.',
).reason;

/**
 * Records a message from a poison queue and ends the work that it asked for: the job of a manifest is failed, the rows of a
 * chunk are failed with the reason and counted, so that no job waits for them forever.
 * @returns the reason that the failed deliveries left
 * @throws FleetError `concurrent-change`, `throttled`, `unavailable`; the message then comes again
 */
export async function recordDeadLetter(
  queue: QueueName,
  body: string,
  ports: DeadLetterPorts,
): Promise<DeadLetter['reason']> {
  const { deadLetters, jobs, now } = ports;
  const id = deadLetterId(queue, body);
  const reason = (await deadLetters.readReason(id, queue)) ?? unknownReason;
  let order: Pick<DeadLetter, 'orderId' | 'reference'> = {};
  switch (queue) {
    case queues.uploads: {
      const event = parsed(parseBlobCreated, body);
      if (event !== undefined)
        await failUndispatched(jobIdOf({ blob: event.blobName, etag: event.etag }), reason, { jobs, now });
      break;
    }
    case queues.chunks: {
      const message = parsed(parseChunkMessage, body);
      if (message !== undefined) await abandonChunk(message, reason, ports);
      break;
    }
    case queues.enrollments: {
      const message = parsed(parseEnrollmentMessage, body);
      if (message !== undefined) await abandonEnrollments(message, reason, ports);
      break;
    }
    case queues.orders: // An order that failed has no job yet; its sender sends it again.
      order = parsed(orderKeys, body) ?? {};
      break;
  }
  const letter = { id, queue, body, reason, ...order, at: now().toISOString() };
  await deadLetters.put(queue === queues.orders ? owe(letter, orderRefused(letter)) : letter);
  return reason;
}

/** @returns undefined for a body that is not a message of this queue: its dead letter says so */
function parsed<T>(parse: (body: unknown) => T, body: string): T | undefined {
  try {
    return parse(decodedBody(body));
  } catch {
    return undefined;
  }
}
