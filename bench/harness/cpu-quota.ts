import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/*
 * Limits processes to a share of a core with the CPU controller of Linux, version 1 or 2:
 * https://docs.kernel.org/scheduler/sched-bwc.html, https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
 * It needs the right to make control groups, which root has.
 */

export interface CpuQuota {
  /** Moves a process, with all its threads, into a control group of its own. @param cores such as 0.2 */
  limit(pid: number, cores: number): Promise<void>;
  /** Removes the groups. Their processes must have ended. */
  remove(): Promise<void>;
}

/** Microseconds. Shorter than the default of 100 ms, so that a process that used up its share waits for milliseconds only. */
const period = 20_000;
const root = '/sys/fs/cgroup';
/** Milliseconds that the kernel has to notice that the processes of a group have ended. */
const endTimeout = 5_000;

const prefix = 'fleet-bench-';

/** Opens the controller, and removes what an interrupted run left there. @throws Error when this machine has none that can be written */
export async function openCpuQuota(): Promise<CpuQuota> {
  const { parent, settings } = await controller();
  const leftovers = (await readdir(parent)).filter((name) => name.startsWith(prefix));
  // The group of a process that still runs cannot be removed, and stays.
  await Promise.allSettled(leftovers.map((name) => rmdir(join(parent, name))));
  const groups: string[] = [];

  return {
    async limit(pid, cores) {
      const group = join(parent, `${prefix}${pid}`);
      await mkdir(group);
      groups.push(group);
      for (const [file, value] of settings(Math.round(cores * period))) await writeFile(join(group, file), value);
      await writeFile(join(group, 'cgroup.procs'), String(pid));
    },

    async remove() {
      for (const group of groups) await removeGroup(group);
    },
  };
}

interface Controller {
  /** Folder in which groups are made. */
  readonly parent: string;
  /**
   * Files with their content, for so many microseconds in each period. A group counts like one thread, unless it has more weight: ten
   * times that, so that its quota limits it, and not the threads of other processes.
   */
  readonly settings: (microseconds: number) => readonly (readonly [file: string, value: string])[];
}

async function controller(): Promise<Controller> {
  const [first, second] = [join(root, 'cpu'), root];
  if (existsSync(join(first, 'cpu.cfs_quota_us'))) {
    await probe(first);
    return {
      parent: first,
      settings: (microseconds) => [
        ['cpu.shares', '10240'],
        ['cpu.cfs_period_us', String(period)],
        ['cpu.cfs_quota_us', String(microseconds)],
      ],
    };
  }
  const controllers = await readFile(join(second, 'cgroup.controllers'), 'utf8').catch(() => '');
  if (!controllers.split(/\s/).includes('cpu')) throw new Error('no CPU controller of Linux');
  // Refused in a container whose own processes are in this group.
  await writeFile(join(second, 'cgroup.subtree_control'), '+cpu');
  await probe(second);
  return {
    parent: second,
    settings: (microseconds) => [
      ['cpu.weight', '1000'],
      ['cpu.max', `${microseconds} ${period}`],
    ],
  };
}

/** @throws Error without the right to make groups */
async function probe(parent: string): Promise<void> {
  const group = join(parent, `${prefix}probe-${process.pid}`);
  await mkdir(group);
  await rmdir(group);
}

async function removeGroup(group: string): Promise<void> {
  for (const deadline = Date.now() + endTimeout; ; await sleep(50)) {
    try {
      return await rmdir(group);
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}
