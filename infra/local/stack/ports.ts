import { once } from 'node:events';
import { createServer } from 'node:net';
import { type PortName, portNames, portVariables } from '../settings.ts';

export type Ports = Readonly<Record<PortName, number>>;

/** Below the range from which systems take ports of outgoing connections (32768 on, Linux; 49152 on, IANA). */
const [firstFree, lastFree] = [20_000, 32_000];

/** A free port for each service, that stays the same when the service is started again. */
export async function freePorts(): Promise<Ports> {
  const found = new Set<number>();
  while (found.size < portNames.length) {
    const candidate = firstFree + Math.floor(Math.random() * (lastFree - firstFree));
    if (await isFree(candidate)) found.add(candidate);
  }
  const ports = [...found];
  return Object.fromEntries(portNames.map((name, index) => [name, ports[index]])) as Record<PortName, number>;
}

/** @throws Error that names each port that is taken, and the variable that changes it */
export async function requireFree(ports: Ports, names: readonly PortName[]): Promise<void> {
  const taken: PortName[] = [];
  for (const name of names) if (!(await isFree(ports[name]))) taken.push(name);
  if (taken.length === 0) return;
  const line = (name: PortName) =>
    `Port ${ports[name]} (${name}) is taken. Set ${portVariables[name]} to another, or end what listens there.`;
  throw new Error(taken.map(line).join('\n'));
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
