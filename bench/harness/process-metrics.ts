import { readFile } from 'node:fs/promises';

/*
 * Reads /proc (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html), so it works on Linux only.
 */

/** CLK_TCK: 100 on every architecture that Node supports. */
const ticksPerSecond = 100;

/** User and system time of all threads of a process, seconds. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The second field is a name in brackets that can contain anything; utime and stime are the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Peak memory of a process, MiB (VmHWM). */
export async function peakMebibytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}
