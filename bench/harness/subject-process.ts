import { pathToFileURL } from 'node:url';
import type { Slice, Work } from './subject.ts';

/*
 * The process of a subject (subject.ts): prepares it, sends `ready`, and then works for as many milliseconds as each message
 * says. Ends when its parent ends.
 */
const [file = '', batch = '1', argument = ''] = process.argv.slice(2);
const { prepare }: { prepare: (argument: string) => Promise<Work> } = await import(pathToFileURL(file).href);
const work = await prepare(argument);

async function workFor(milliseconds: number): Promise<Slice> {
  const times = Number(batch);
  const cpu = process.cpuUsage();
  const began = performance.now();
  let count = 0;
  let elapsed = 0;
  while (elapsed < milliseconds) {
    const working = work(times);
    if (working !== undefined) await working;
    count += times;
    elapsed = performance.now() - began;
  }
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: (count * 1000) / elapsed, cpuMicroseconds: (user + system) / count };
}

process.on('message', async (milliseconds: number) => process.send?.(await workFor(milliseconds)));
process.on('disconnect', () => process.exit());
process.send?.('ready');
