import type { Interference } from './proxy.ts';

/** When Cosmos DB first acknowledged each serial number, as seen by the proxy: milliseconds since 1970. */
export type ClaimTimes = ReadonlyMap<string, number>;

interface BulkOperation {
  readonly operationType?: string;
  readonly resourceBody?: WrittenDevice;
}

interface WrittenClaims {
  readonly type?: string;
  readonly serialNumbers?: readonly (readonly [deviceId: string, serialNumber: string])[];
}

interface WrittenDevice {
  readonly id?: string;
  readonly serialNumber?: string;
  readonly renewals?: readonly { readonly serialNumber: string }[];
  readonly certificates?: readonly { readonly kind: string; readonly state: string }[];
}

export interface ClaimRecorder {
  readonly times: ClaimTimes;
  /** Records that were written with more than two live identities. */
  readonly problems: readonly string[];
  readonly interfere: Interference;
}

/**
 * Records when Cosmos DB acknowledged the claims of a chunk or a device record, by the serial numbers in it: of its rows, and of
 * its renewals.
 */
export function createClaimRecorder(): ClaimRecorder {
  const times = new Map<string, number>();
  const problems: string[] = [];

  function note({ id, serialNumber, renewals = [], certificates = [] }: WrittenDevice, at: number): void {
    for (const serial of [serialNumber, ...renewals.map((each) => each.serialNumber)])
      if (serial !== undefined && !times.has(serial)) times.set(serial, at);
    const live = certificates.filter(({ kind, state }) => kind === 'identity' && state === 'live').length;
    if (live > 2) problems.push(`the record of ${id} was written with ${live} live identities`);
  }

  return {
    times,
    problems,
    async interfere(request, forward) {
      const answer = await forward();
      if (request.path.includes('/colls/jobs/docs') && answer.status < 300 && request.body[0] === 0x7b) {
        const { type, serialNumbers = [] } = JSON.parse(request.body.toString()) as WrittenClaims;
        const at = Date.now();
        if (type === 'claims') for (const [, serial] of serialNumbers) if (!times.has(serial)) times.set(serial, at);
      }
      if (!request.path.includes('/colls/devices/docs') || answer.status >= 300 || request.body[0] !== 0x5b)
        return { answer };
      const operations = JSON.parse(request.body.toString()) as BulkOperation[];
      const results = JSON.parse(answer.body.toString()) as { statusCode: number }[];
      const at = Date.now();
      for (const [index, { resourceBody }] of operations.entries()) {
        const done = (results[index]?.statusCode ?? 500) < 300;
        if (resourceBody !== undefined && done) note(resourceBody, at);
      }
      return { answer };
    },
  };
}
