import { asFleetError } from '../errors.ts';
import type { ChunkMessage } from '../jobs/messages.ts';
import { currentLog } from '../log.ts';
import { type ProvisionPorts, provisionChunk } from './provision-chunk.ts';

/**
 * Provisions the chunks of a small job in the worker that split it. So a small job does not wait until the queue `chunks` is
 * polled, and on Flex Consumption not for an instance of `provision-chunk` either.
 * @returns the messages that are for the queue: all of them if they are too many, and those that failed
 */
export type ProvisionSmall = (
  messages: readonly ChunkMessage[],
  ports: ProvisionPorts,
) => Promise<readonly ChunkMessage[]>;

/**
 * Chunks that a worker provisions beside the messages that it has: as many as `provision-chunk` has in flight (host.json). A job
 * of 1,000 rows is small.
 */
const defaultAtOnce = 4;

/**
 * One per process. A worker that is busy with small jobs leaves the next one to the queue, where all instances share the work.
 *
 * A crash loses nothing: the upload's message comes back, the manifest is cut into the same chunks, and each chunk continues as
 * at any second delivery. Deliveries and dead letters of a chunk are counted on its own queue, so one that fails goes there.
 */
export function createProvisionSmall({ atOnce = defaultAtOnce } = {}): ProvisionSmall {
  let busy = 0;
  return async (messages, ports) => {
    if (messages.length > atOnce - busy) return messages;
    busy += messages.length;
    const failed = await Promise.all(messages.map((message) => provision(message, ports)));
    return failed.filter((message) => message !== undefined);
  };

  /** @returns the message if it failed */
  async function provision(message: ChunkMessage, ports: ProvisionPorts): Promise<ChunkMessage | undefined> {
    try {
      await provisionChunk(message, ports);
      return undefined;
    } catch (error) {
      const { jobId, chunk } = message;
      const { code, message: reason } = asFleetError(error);
      currentLog().warn('chunk left to the queue', { jobId, chunk, code, reason });
      return message;
    } finally {
      busy -= 1;
    }
  }
}
