import type { HttpHandler, HttpRequest, HttpResponseInit } from '@azure/functions';
import { asFleetError, FleetError } from '../../lib/errors.ts';
import { withLog } from '../../lib/log.ts';
import { logTo } from '../log.ts';
import { type Services, services } from '../services.ts';
import { presentedCertificate } from './client-certificate.ts';
import type { EstReply, EstRequest } from './handlers.ts';
import { maxBodyBytes } from './limits.ts';

/** Answers one operation. */
export type AnswerEst = (request: EstRequest, services: Services) => Promise<EstReply>;

/**
 * The handler of an operation. It gives the operation the client certificate and the body, and answers every refusal as short
 * plain text: IoT Edge writes it to the journal of the device, and it is all that a technician sees there. Errors of this app
 * (5xx) are logged.
 */
export function answerEst(operation: string, handle: AnswerEst): HttpHandler {
  return async (request, context) => {
    const log = logTo(context);
    try {
      const clientCertificate = presentedCertificate(request.headers);
      const body = await bodyOf(request);
      const { label = '' } = request.params;
      return answered(await withLog(log, () => handle({ label, clientCertificate, body }, services())));
    } catch (thrown) {
      const error = asFleetError(thrown);
      const { code, status, message, cause, details } = error;
      if (status >= 500) {
        const stack = cause instanceof Error ? (cause.stack ?? cause.message) : undefined;
        log.error('request failed', { operation, code, traceId: context.invocationId, cause: stack });
      }
      // Anyone with a certificate of any CA gets this far, and is told nothing of the inside.
      const isInside = code === 'internal' || code === 'setting-invalid';
      const text = isInside ? `The EST server failed. Its log has the reason (${context.invocationId}).` : message;
      return answered({ status, body: text }, details.retryAfter);
    }
  };
}

/** @throws FleetError `request-invalid`, `request-too-large` */
async function bodyOf(request: HttpRequest): Promise<Buffer> {
  if (request.headers.has('transfer-encoding')) {
    // Without HTTP streams, the host gives the body of such a request to no function.
    throw new FleetError('request-invalid', 'The request has no Content-Length.');
  }
  const declared = Number(request.headers.get('content-length') ?? 0);
  const body = declared > maxBodyBytes ? undefined : Buffer.from(await request.arrayBuffer());
  if (body !== undefined && body.length <= maxBodyBytes) return body;
  throw new FleetError('request-too-large', `The request has more than ${maxBodyBytes} bytes.`);
}

function answered({ status, contentType, body }: EstReply, retryAfter?: number): HttpResponseInit {
  const headers: Record<string, string> = {
    'content-type': contentType ?? 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  };
  // RFC 7030 requires it. RFC 8951 took it back, and clients of that RFC ignore it.
  if (contentType !== undefined && !contentType.startsWith('text/')) headers['content-transfer-encoding'] = 'base64';
  if (retryAfter !== undefined) headers['retry-after'] = String(Math.ceil(retryAfter));
  return { status, headers, ...(body !== '' && { body }) };
}
