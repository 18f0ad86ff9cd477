import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { metrics } from '../telemetry.ts';

/** Hosts of the storage account, with the port unless it is the default port of the scheme. */
export interface CountedHosts {
  readonly blobs: string;
  readonly queues: string;
}

/**
 * Counts what is billed: each answered request to storage and Cosmos DB, retries included, and the request units that
 * Cosmos DB reports. The SDKs show their callers neither retries nor the charge of a bulk request, so this subscribes to
 * Node's channel of HTTP responses (https://nodejs.org/api/diagnostics_channel.html#http).
 * @returns a function that stops counting
 */
export function countBilledRequests({ blobs, queues }: CountedHosts): () => void {
  const listener = (event: unknown) => {
    const { request, response } = event as { request: ClientRequest; response: IncomingMessage };
    const host = request.getHeader('host');
    // Cosmos DB is recognized by the header with its charge: the SDK connects to regional hosts that no setting names.
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
