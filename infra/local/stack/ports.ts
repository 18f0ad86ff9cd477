import { once } from 'node:events';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type PortName, portNames, portVariables } from '../settings.ts';

export type Ports = Readonly<Record<PortName, number>>;

/** Below the ports that systems use for outgoing connections: from 32768 on Linux, from 49152 by IANA. */
const [firstFree, lastFree] = [20_000, 32_000];

/** Chooses a free port for each service. A service keeps its port when it is restarted. */
export async function freePorts(): Promise<Ports> {
  const ports = await morePorts(portNames.length);
  return Object.fromEntries(portNames.map((name, index) => [name, ports[index]])) as Record<PortName, number>;
}

/**
 * Chooses free ports for processes that have no setting for theirs.
 * @param taken ports that others of the stack will have
 */
export async function morePorts(count: number, taken: readonly number[] = []): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const candidate = firstFree + Math.floor(Math.random() * (lastFree - firstFree));
    if (!taken.includes(candidate) && (await isFree(candidate)) && (await choose(candidate))) found.add(candidate);
  }
  return [...found];
}

/** Where stacks note the ports that they have chosen and do not listen on yet: a folder per period, with a file per port. */
const chosenPorts = join(import.meta.dirname, '../../../node_modules/.cache/ports');

/** Milliseconds of a period. A note counts in its period and the next one; by then the program listens, or never will. */
const periodMs = 120_000;

/**
 * Of stacks that start at the same time, only one gets a port.
 * @returns false if another one has chosen it a moment ago
 */
async function choose(port: number): Promise<boolean> {
  const period = Math.floor(Date.now() / periodMs);
  const folder = join(chosenPorts, String(period));
  if ((await mkdir(folder, { recursive: true })) !== undefined) await forgetBefore(period - 1);
  if (await exists(join(chosenPorts, String(period - 1), String(port)))) return false;
  try {
    await writeFile(join(folder, String(port)), '', { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function forgetBefore(period: number): Promise<void> {
  const old = (await readdir(chosenPorts)).filter((name) => Number(name) < period);
  await Promise.all(old.map((name) => rm(join(chosenPorts, name), { recursive: true, force: true })));
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/**
 * Waits until the ports are free.
 * @param waitMs milliseconds to wait
 * @throws Error that names each used port and the variable that changes it
 */
export async function requireFree(ports: Ports, names: readonly PortName[], waitMs = 0): Promise<void> {
  let used = await usedPorts(ports, names);
  for (const deadline = Date.now() + waitMs; used.length > 0 && Date.now() < deadline; ) {
    await sleep(100);
    used = await usedPorts(ports, names);
  }
  if (used.length === 0) return;
  const line = (name: PortName) =>
    `Port ${ports[name]} (${name}) is in use. Set ${portVariables[name]} to another port, or stop the program that listens there.`;
  throw new Error(used.map(line).join('\n'));
}

async function usedPorts(ports: Ports, names: readonly PortName[]): Promise<PortName[]> {
  const used: PortName[] = [];
  for (const name of names) if (!(await isFree(ports[name]))) used.push(name);
  return used;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
