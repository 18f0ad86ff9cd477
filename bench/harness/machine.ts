import { availableParallelism, cpus, loadavg, totalmem, type } from 'node:os';
import { startSubject } from './subject.ts';

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

/**
 * P-256 keys and signatures per second on one core. A virtual machine shares its host: the same work took from 67 to 134 us within an hour,
 * with nothing else running in it.
 */
export async function speed(): Promise<number> {
  const subject = await startSubject({ name: 'p256-limit', batch: 64 });
  await subject.measure(300);
  const { perSecond } = await subject.measure(700);
  await subject.end();
  return Math.round(perSecond);
}
