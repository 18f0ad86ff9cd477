import type { Interference } from './proxy.ts';

/** When Cosmos DB first acknowledged each serial number, as seen by the proxy: milliseconds since 1970. */
export type ClaimTimes = ReadonlyMap<string, number>;

interface BulkOperation {
  readonly operationType?: string;
  readonly resourceBody?: { readonly serialNumber?: string };
}

/** Records when Cosmos DB acknowledged a device record, by the serial number in it. */
export function createClaimRecorder(): { readonly times: ClaimTimes; readonly interfere: Interference } {
  const times = new Map<string, number>();
  return {
    times,
    async interfere(request, forward) {
      const answer = await forward();
      if (!request.path.includes('/colls/devices/docs') || answer.status >= 300 || request.body[0] !== 0x5b)
        return { answer };
      const operations = JSON.parse(request.body.toString()) as BulkOperation[];
      const results = JSON.parse(answer.body.toString()) as { statusCode: number }[];
      const at = Date.now();
      for (const [index, { resourceBody }] of operations.entries()) {
        const serial = resourceBody?.serialNumber;
        const done = (results[index]?.statusCode ?? 500) < 300;
        if (serial !== undefined && done && !times.has(serial)) times.set(serial, at);
      }
      return { answer };
    },
  };
}
