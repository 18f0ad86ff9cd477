import { FleetError } from '../errors.ts';

/**
 * Milliseconds without any answer after which a storage request fails. The storage SDKs wait forever (their
 * `tryTimeoutInMs` is sent to the server), and the host would hold the message meanwhile. The service itself gives up on
 * requests for blobs of our size within two minutes
 * (https://learn.microsoft.com/rest/api/storageservices/setting-timeouts-for-blob-service-operations), and the SDK's four
 * tries with their waits take less than one.
 */
export const storageTimeoutMs = 120_000;

/**
 * Runs a request or a transfer, and aborts it when nothing arrives for `milliseconds`.
 * @param work gets the abort signal for the SDK, and a function to call whenever a part of the transfer has arrived
 * @throws FleetError `unavailable` after the timeout
 */
export async function withInactivityTimeout<T>(
  milliseconds: number,
  work: (abortSignal: AbortSignal, onProgress: () => void) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  // The SDK alone would not do: an upload of a stream does not end when it is aborted (@azure/storage-blob 12.34.0).
  const timedOut = new Promise<never>((_, reject) => {
    controller.signal.addEventListener('abort', () =>
      reject(new FleetError('unavailable', 'Storage did not answer in time.')),
    );
  });
  const restartTimer = () => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(), milliseconds);
  };
  restartTimer();
  try {
    return await Promise.race([work(controller.signal, restartTimer), timedOut]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Passes on a stream, and aborts it when its next part does not arrive within `milliseconds`. The time that the reader
 * takes between two parts does not count.
 * @param abort makes the stream fail
 */
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
