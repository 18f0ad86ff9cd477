import { availableParallelism, cpus, loadavg, totalmem, type } from 'node:os';

/** Where figures come from. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGibibytes: number;
  readonly system: string;
  readonly node: string;
  readonly openssl: string;
}

export function thisMachine(): Machine {
  return {
    processor: cpus()[0]?.model ?? 'unknown processor',
    cores: availableParallelism(),
    memoryGibibytes: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${process.arch}`,
    node: process.version,
    openssl: process.versions.openssl,
  };
}

/** Processes that wanted to run in the last minute; well above the cores' number, nothing absolute is to be believed. */
export function load(): number {
  return Math.round((loadavg()[0] ?? 0) * 10) / 10;
}
