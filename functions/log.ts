import type { InvocationContext } from '@azure/functions';
import type { Log, LogFields } from '../lib/log.ts';

/** Longest text of a field; a stack fits, a manifest does not. */
const longest = 4_000;

/** A Log that writes to the invocation's own log, one JSON object a line. */
export function logTo(context: Pick<InvocationContext, 'info' | 'warn' | 'error'>): Log {
  return {
    info: (event, fields) => context.info(logLine(event, fields)),
    warn: (event, fields) => context.warn(logLine(event, fields)),
    error: (event, fields) => context.error(logLine(event, fields)),
  };
}

/** One line of the log. A field that holds a key, a request or a certificate is withheld, whoever put it there. */
export function logLine(event: string, fields: LogFields = {}): string {
  const told = Object.entries(fields).map(([name, value]) => {
    if (typeof value !== 'string') return [name, value];
    return [name, value.includes('-----BEGIN ') ? 'withheld: it holds PEM' : value.slice(0, longest)];
  });
  return JSON.stringify({ event, ...Object.fromEntries(told) });
}
