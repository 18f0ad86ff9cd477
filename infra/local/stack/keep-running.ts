import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, logTail } from './child.ts';
import { diskProblem } from './disk.ts';

/** The part of a child that is used here. */
export type Restartable = Pick<Child, 'name' | 'logFile' | 'restart'>;

export interface KeepRunningOptions {
  /** Folder of the stack's data. */
  readonly directory: string;
  readonly say: (text: string) => void;
  /** Called after each restart, before it is reported. It may prepare the service. @returns a sentence to add, or '' */
  readonly onRestart: (child: Restartable) => Promise<string>;
  /** Called when a process is not restarted again. */
  readonly onGiveUp: () => void;
  /** True once the stack is stopped: nothing is restarted then. */
  readonly isEnding: () => boolean;
  /** Milliseconds before each restart in a row. For tests. */
  readonly delays?: readonly number[];
}

/** Milliseconds. A process that ended sooner after its start probably ends again for the same reason. */
const quickEnd = 30_000;
/** Milliseconds before the first, second, ... restart in a row. After the last one the stack gives up. */
const restartDelays = [500, 1_000, 2_000, 4_000, 8_000];

/**
 * Restarts the processes of a stack that end unexpectedly. Ends in a row, each soon after a start, are restarted with
 * growing delays. The stack gives up after the last delay.
 * @returns the function to call at an unexpected end; `ranMs` is the time since the process was ready
 */
export function keepRunning(options: KeepRunningOptions): (child: Restartable, how: string, ranMs: number) => void {
  const { directory, say, onRestart, onGiveUp, isEnding, delays = restartDelays } = options;
  /** Ends in a row, by name. */
  const endsInRow = new Map<string, number>();

  async function bringBack(child: Restartable, ranMs: number): Promise<void> {
    const { name } = child;
    if (ranMs >= quickEnd) endsInRow.delete(name);
    while (!isEnding()) {
      const ends = (endsInRow.get(name) ?? 0) + 1;
      endsInRow.set(name, ends);
      const problem = await diskProblem(directory);
      if (problem !== undefined) say(problem);
      const delay = delays[ends - 1];
      if (delay === undefined) return giveUp(child, ends);
      say(`${name} is started again in ${delay / 1000} s.`);
      await sleep(delay);
      if (isEnding()) return;
      try {
        await child.restart();
        const note = await onRestart(child);
        say(`${name} was restarted.${note === '' ? '' : ` ${note}`}`);
        return;
      } catch (error) {
        if (!isEnding()) say(`error: ${(error as Error).message}`);
      }
    }
  }

  async function giveUp({ name, logFile }: Restartable, ends: number): Promise<void> {
    say(`error: ${name} ended ${ends} times in a row. See ${logFile}:\n${await logTail(logFile)}`);
    onGiveUp();
  }

  return (child, how, ranMs) => {
    if (isEnding()) return;
    say(`${child.name} ended (${how}). See ${child.logFile}`);
    void bringBack(child, ranMs).catch((error: Error) => {
      say(`error: ${error.message}`);
      onGiveUp();
    });
  };
}
