import { AsyncLocalStorage } from 'node:async_hooks';

/** Writes structured lines. Fields carry ids and numbers, never a key, a certificate request or a whole row. */
export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

const silent: Log = { info() {}, warn() {}, error() {} };
const current = new AsyncLocalStorage<Log>();

/** Runs `work` so that `currentLog` returns `log` in everything that it calls, asynchronous calls included. */
export function withLog<T>(log: Log, work: () => T): T {
  return current.run(log, work);
}

/** @returns the log of the current invocation; outside of one, a log that writes nothing */
export function currentLog(): Log {
  return current.getStore() ?? silent;
}
