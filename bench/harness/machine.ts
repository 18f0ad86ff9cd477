import { availableParallelism, cpus, loadavg, totalmem, type } from 'node:os';

/** The machine that a result was measured on. */
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

/** Load average of the last minute. If it is well above the number of cores, absolute values are not reliable. */
export function load(): number {
  return Math.round((loadavg()[0] ?? 0) * 10) / 10;
}
