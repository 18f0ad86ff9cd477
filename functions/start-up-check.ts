import { asFleetError } from '../lib/errors.ts';
import { logLine } from './log.ts';
import { services } from './services.ts';

/**
 * Does what GET /api/health does when the app starts, and logs one line per wrong setting or failing dependency. Never
 * throws: the runs that need the setting or dependency fail with the same error.
 * @param write takes one line; the default is the log of the process, because a hook has no invocation with a log
 */
export async function startUpCheck(write: (line: string) => void = console.error): Promise<void> {
  try {
    const failing = (await services().checks()).filter(({ ok }) => !ok);
    for (const { name, problem } of failing) write(logLine('start-up check failed', { name, problem }));
  } catch (thrown) {
    const { code, message, details } = asFleetError(thrown);
    if (details.faults === undefined) return write(logLine('start-up check failed', { code, problem: message }));
    for (const { path, message: issue } of details.faults) {
      write(logLine('start-up check failed', { name: path, problem: `${path} ${issue}` }));
    }
  }
}
