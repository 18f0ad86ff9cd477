import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { metrics } from '../telemetry.ts';

/** Hosts of the storage account, with the port where it is not the scheme's own. */
export interface CountedHosts {
  readonly blobs: string;
  readonly queues: string;
}

/**
 * Counts what is billed: each answered request of storage and Cosmos DB, retries included, and the request units that
 * Cosmos DB says it took. The SDKs show their callers neither the tries nor the charge of a bulk request, so Node's own
 * channel of HTTP answers is listened to (https://nodejs.org/api/diagnostics_channel.html#http).
 * @returns a function that ends it
 */
export function countBilledRequests({ blobs, queues }: CountedHosts): () => void {
  const listener = (event: unknown) => {
    const { request, response } = event as { request: ClientRequest; response: IncomingMessage };
    const host = request.getHeader('host');
    // Cosmos DB is known by what it charges: its SDK asks at hosts of regions, which no setting names.
    const charge = response.headers['x-ms-request-charge'];
    if (charge !== undefined) {
      metrics.cosmosRequests.add(1, { status: response.statusCode });
      if (Number(charge) > 0) metrics.requestUnits.add(Number(charge));
    } else if (host === blobs) metrics.storageOperations.add(1, { service: 'blob' });
    else if (host === queues) metrics.storageOperations.add(1, { service: 'queue' });
  };
  subscribe(channel, listener);
  return () => unsubscribe(channel, listener);
}

const channel = 'http.client.response.finish';
