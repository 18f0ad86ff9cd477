import { asFleetError } from '../lib/errors.ts';
import { logLine } from './log.ts';
import { services } from './services.ts';

/**
 * Tries what GET /api/health tries, as the app starts, and writes what is wrong to the log: one line a fault, a setting or
 * a dependency by its name. It never throws; what is wrong fails the runs that need it, and says so there too.
 * @param write takes one line; a hook has no invocation whose log it could use
 */
export async function startUpCheck(write: (line: string) => void = console.error): Promise<void> {
  try {
    const failing = (await services().checks()).filter(({ ok }) => !ok);
    for (const { name, problem } of failing) write(logLine('start-up check failed', { name, problem }));
  } catch (thrown) {
    const { code, message, details } = asFleetError(thrown);
    if (details.faults === undefined) return write(logLine('start-up check failed', { code, problem: message }));
    for (const { path, message: fault } of details.faults) {
      write(logLine('start-up check failed', { name: path, problem: `${path} ${fault}` }));
    }
  }
}
