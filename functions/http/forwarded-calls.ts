import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpRequest } from '@azure/functions';
import { FleetError } from '../../lib/errors.ts';

/*
 * With HTTP streams, the host forwards each request to an HTTP server of @azure/functions in this process. The library shows
 * neither the request nor the response of that server. They are needed: the headers that it shows can be forged, and it sends
 * streams without back pressure (response-stream.ts). Node announces every request of every server in the process.
 */

interface ForwardedCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** By invocation id, until the answer was sent or its connection closed. */
const calls = new Map<string, ForwardedCall>();

// https://nodejs.org/api/diagnostics_channel.html#http
subscribe('http.server.request.start', (message) => {
  const call = message as ForwardedCall;
  // The host sets this header, in place of one that the caller sent.
  const id = call.request.headers['x-ms-invocation-id'];
  if (typeof id !== 'string') return;
  calls.set(id, call);
  call.response.once('close', () => calls.delete(id));
});

/** @returns the forwarded request and its response; undefined without HTTP streams, as in tests of a handler */
export function forwardedCall(invocationId: string): ForwardedCall | undefined {
  return calls.get(invocationId);
}

let isForwarding = false;

/** Called when a host has loaded the app: from now on, every request is a forwarded one. */
export function expectForwardedCalls(): void {
  isForwarding = true;
}

/**
 * Gives the request the headers that the host forwarded. With HTTP streams, the library takes them from the binding data
 * `Headers`, and the HTTP extension of the host fills that from the query parameter or the member of a JSON body of this name
 * before it uses the headers (`GetRequestBindingDataAsync` in azure-webjobs-sdk-extensions). A caller could so forge
 * x-ms-client-principal, which says who has signed in.
 * @throws FleetError `internal` when a host runs the app and the forwarded request is not known
 */
export function useForwardedHeaders(request: HttpRequest, invocationId: string): void {
  const forwarded = calls.get(invocationId)?.request;
  if (forwarded === undefined) {
    if (isForwarding) throw new FleetError('internal', 'The headers of the request are not known.');
    return;
  }
  for (const name of [...request.headers.keys()]) request.headers.delete(name);
  for (const [name, values] of Object.entries(forwarded.headersDistinct)) {
    for (const value of values ?? []) request.headers.append(name, value);
  }
}
