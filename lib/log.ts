import { AsyncLocalStorage } from 'node:async_hooks';

/** Writes one structured line. `fields` carry ids and figures, never a key, a certificate request or a whole row. */
export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

const silent: Log = { info() {}, warn() {}, error() {} };
const current = new AsyncLocalStorage<Log>();

/** Runs `work` with a log of its own: all that it calls, however deep and however late, finds it by currentLog(). */
export function withLog<T>(log: Log, work: () => T): T {
  return current.run(log, work);
}

/** The log of the invocation that this code runs for; outside of one, a log that writes nothing. */
export function currentLog(): Log {
  return current.getStore() ?? silent;
}
