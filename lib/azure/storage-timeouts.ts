import { FleetError } from '../errors.ts';

/**
 * The storage SDKs wait for an answer without end (`tryTimeoutInMs` of theirs is what they ask of the server), and a host
 * would hold the message all the while. Within two minutes the service itself gives up on any request for a blob of ours
 * (https://learn.microsoft.com/rest/api/storageservices/setting-timeouts-for-blob-service-operations), and the SDK's four
 * tries with their waits take less than one.
 */
export const storageTimeoutMs = 120_000;

/**
 * Runs a request, or a transfer, and ends it where nothing is heard for so long.
 * @param work takes the signal for the SDK, and what a transfer calls whenever a part of it has come through
 * @throws FleetError `unavailable`
 */
export async function withInactivityTimeout<T>(
  milliseconds: number,
  work: (abortSignal: AbortSignal, heard: () => void) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  // Not left to the SDK: an upload of a stream does not end when it is aborted (@azure/storage-blob 12.34.0).
  const silence = new Promise<never>((_, reject) => {
    controller.signal.addEventListener('abort', () =>
      reject(new FleetError('unavailable', 'Storage did not answer in time.')),
    );
  });
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(), milliseconds);
  };
  heard();
  try {
    return await Promise.race([work(controller.signal, heard), silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** A stream that breaks where its next part does not come for so long; how slowly it is read does not matter. */
export async function* withItemTimeout<T>(
  stream: AsyncIterable<T>,
  milliseconds: number,
  abort: () => void,
): AsyncGenerator<T, void, undefined> {
  const parts = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      const timer = setTimeout(abort, milliseconds);
      const part = await parts.next().finally(() => clearTimeout(timer));
      if (part.done) return;
      yield part.value;
    }
  } finally {
    await parts.return?.();
  }
}
