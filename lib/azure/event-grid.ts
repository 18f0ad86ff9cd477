import { EventGridPublisherClient } from '@azure/eventgrid';
import type { TokenCredential } from '@azure/identity';
import type { CloudEvent } from '../events/cloud-event.ts';
import { calling } from './service-errors.ts';

/** Milliseconds. The SDK waits forever, and each attempt holds one of the few workers of the queue meanwhile. */
const publishTimeoutMs = 30_000;

/**
 * Publishes to an Event Grid custom topic with the input schema CloudEvents 1.0, by managed identity (role EventGrid Data
 * Sender). A topic takes 1 MB per request (https://learn.microsoft.com/azure/event-grid/quotas-limits).
 * @param endpoint such as `https://name.westeurope-1.eventgrid.azure.net/api/events`
 * @returns the publisher. @throws FleetError `throttled`, `unavailable`, or the SDK's own error
 */
export function createEventGridPublisher(
  { endpoint, credential }: { readonly endpoint: string; readonly credential: TokenCredential },
  // The retries of a delivery are its own (lib/events/delivery.ts).
  {
    maxRetries = 1,
    timeoutMs = publishTimeoutMs,
    httpClient,
  }: { maxRetries?: number; timeoutMs?: number; httpClient?: NonNullable<ClientOptions['httpClient']> } = {},
): (events: readonly CloudEvent[]) => Promise<void> {
  const options = { retryOptions: { maxRetries }, ...(httpClient && { httpClient }) };
  const client = new EventGridPublisherClient(endpoint, 'CloudEvent', credential, options);
  return async (events) => {
    const sent = events.map(({ time, specversion: _version, ...event }) => ({ ...event, time: new Date(time) }));
    await calling('Event Grid', () => client.send(sent, { abortSignal: AbortSignal.timeout(timeoutMs) }));
  };
}

type ClientOptions = NonNullable<ConstructorParameters<typeof EventGridPublisherClient>[3]>;
