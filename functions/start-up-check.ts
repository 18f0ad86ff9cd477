import { asFleetError } from '../lib/errors.ts';
import { logLine } from './log.ts';
import { services } from './services.ts';

export interface StartUpCheckOptions {
  /** `settings`: dependencies are not tried. Default: everything. */
  readonly only?: 'settings';
  /** Takes one line. The default is the log of the process, because a hook has no invocation with a log. */
  readonly write?: (line: string) => void;
}

/**
 * Does what GET /api/health does when the app starts, and logs one line per wrong setting or failing dependency. Never
 * throws: the runs that need the setting or dependency fail with the same error.
 */
export async function startUpCheck({ only, write = console.error }: StartUpCheckOptions = {}): Promise<void> {
  try {
    const { checks } = services();
    const failing = only === 'settings' ? [] : (await checks()).filter(({ ok }) => !ok);
    for (const { name, problem } of failing) write(logLine('start-up check failed', { name, problem }));
  } catch (thrown) {
    const { code, message, details } = asFleetError(thrown);
    if (details.faults === undefined) return write(logLine('start-up check failed', { code, problem: message }));
    for (const { path, message: issue } of details.faults) {
      write(logLine('start-up check failed', { name: path, problem: `${path} ${issue}` }));
    }
  }
}
