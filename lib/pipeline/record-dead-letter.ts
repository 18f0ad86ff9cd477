import { audited, type Note } from '../audit/audit.ts';
import { type FailureReason, FleetError } from '../errors.ts';
import { failUndispatched } from '../jobs/count-part.ts';
import { type DeadLetter, deadLetterId, orderRefused } from '../jobs/dead-letters.ts';
import { decodedBody, parseChunkMessage, parseEnrollmentMessage } from '../jobs/messages.ts';
import { orderKeys } from '../orders/order.ts';
import { owe } from '../outbox.ts';
import { type QueueName, queues } from '../resource-names.ts';
import { type AbandonPorts, abandonChunk } from './abandon-chunk.ts';
import { workAct } from './audit-acts.ts';
import { abandonEnrollments, type EnrollPorts } from './enroll-devices.ts';
import type { Ports } from './ports.ts';
import { jobOfUpload } from './upload-job.ts';

export type DeadLetterPorts = AbandonPorts & EnrollPorts & Pick<Ports, 'deadLetters' | 'audit'>;

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
  const { deadLetters, now } = ports;
  const id = deadLetterId(queue, body);
  const reason = (await deadLetters.readReason(id, queue)) ?? unknownReason;
  const act = workAct('abandon-work', { queue, letterId: id }, { code: reason.code });
  // It gives no right, so it does not wait for the audit trail: a job has to end.
  await audited(ports.audit, act, (note) => abandon(queue, body, reason, note, ports), { withoutIntent: true });
  // An order that failed has no job yet; its sender sends it again.
  const order = queue === queues.orders ? parsed(orderKeys, body) : undefined;
  const letter = { id, queue, body, reason, ...order, at: now().toISOString() };
  await deadLetters.put(queue === queues.orders ? owe(letter, orderRefused(letter)) : letter);
  return reason;
}

/** Ends the work that a message asked for. */
async function abandon(
  queue: QueueName,
  body: string,
  reason: FailureReason,
  note: Note,
  ports: DeadLetterPorts,
): Promise<void> {
  switch (queue) {
    case queues.uploads: {
      const jobId = jobOfUpload(body);
      if (jobId === undefined) return;
      note({ jobId });
      return failUndispatched(jobId, reason, ports);
    }
    case queues.chunks: {
      const message = parsed(parseChunkMessage, body);
      if (message === undefined) return;
      note({ jobId: message.jobId, chunk: message.chunk, attempt: message.attempt });
      return abandonChunk(message, reason, ports);
    }
    case queues.enrollments: {
      const message = parsed(parseEnrollmentMessage, body);
      if (message === undefined) return;
      note({ jobId: message.jobId, chunk: message.chunk, attempt: message.attempt });
      return abandonEnrollments(message, reason, ports);
    }
  }
}

/** @returns undefined for a body that is not a message of this queue: its dead letter says so */
function parsed<T>(parse: (body: unknown) => T, body: string): T | undefined {
  try {
    return parse(decodedBody(body));
  } catch {
    return undefined;
  }
}
