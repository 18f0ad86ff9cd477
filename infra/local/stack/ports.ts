import { once } from 'node:events';
import { createServer } from 'node:net';
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
    if (!taken.includes(candidate) && (await isFree(candidate))) found.add(candidate);
  }
  return [...found];
}

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
