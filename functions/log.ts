import type { InvocationContext } from '@azure/functions';
import type { Log, LogFields } from '../lib/log.ts';

/** A Log that writes to the invocation's own log, one JSON object a line. */
export function logTo(context: InvocationContext): Log {
  const line = (event: string, fields: LogFields = {}) => JSON.stringify({ event, ...fields });
  return {
    info: (event, fields) => context.info(line(event, fields)),
    warn: (event, fields) => context.warn(line(event, fields)),
    error: (event, fields) => context.error(line(event, fields)),
  };
}
