import type { InvocationContext } from '@azure/functions';
import type { Log, LogFields } from '../lib/log.ts';

/** Characters of one field: enough for a stack trace, too short for a manifest. */
const maxLength = 4_000;

/** A Log that writes to the log of an invocation, one JSON object per line. */
export function logTo(context: Pick<InvocationContext, 'info' | 'warn' | 'error'>): Log {
  return {
    info: (event, fields) => context.info(logLine(event, fields)),
    warn: (event, fields) => context.warn(logLine(event, fields)),
    error: (event, fields) => context.error(logLine(event, fields)),
  };
}

/** A Log for what happens outside of an invocation: the host takes what the process prints. */
export const logToConsole: Log = {
  info: (event, fields) => console.info(logLine(event, fields)),
  warn: (event, fields) => console.warn(logLine(event, fields)),
  error: (event, fields) => console.error(logLine(event, fields)),
};

/** One line of the log as JSON. Withholds a field with PEM in it (a key, a request, a certificate) and cuts long fields. */
export function logLine(event: string, fields: LogFields = {}): string {
  const shown = Object.entries(fields).map(([name, value]) => {
    if (typeof value !== 'string') return [name, value];
    return [name, value.includes('-----BEGIN ') ? 'withheld: contains PEM' : value.slice(0, maxLength)];
  });
  return JSON.stringify({ event, ...Object.fromEntries(shown) });
}
