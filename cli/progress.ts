import type { Context } from './context.ts';
import { safe } from './text.ts';

/** Progress on stderr: one line that is written over on a terminal, otherwise a line per 10 % or 30 seconds. */
export interface Progress {
  /** @param share of the work that is done, from 0 to 1 */
  show(text: string, share: number): void;
  /** Leaves the line, so that other text can follow. */
  end(): void;
}

const redrawMilliseconds = 250;
const lineMilliseconds = 30_000;

export function createProgress({ terminal, options, say }: Context): Progress {
  const { stderr } = terminal;
  let shownAt = Number.NEGATIVE_INFINITY;
  let shownTenth = -1;
  let width = 0;
  if (options.quiet) return { show() {}, end() {} };
  if (!terminal.isTerminal.stderr) {
    return {
      show(text, share) {
        const [now, tenth] = [terminal.now().getTime(), Math.floor(share * 10)];
        if (tenth <= shownTenth && now - shownAt < lineMilliseconds) return;
        [shownAt, shownTenth] = [now, tenth];
        say(text);
      },
      end() {},
    };
  }
  return {
    show(text, share) {
      const now = terminal.now().getTime();
      if (now - shownAt < redrawMilliseconds && share < 1) return;
      shownAt = now;
      stderr.write(`\r${safe(text).padEnd(width)}`);
      width = text.length;
    },
    end() {
      if (width > 0) stderr.write('\n');
      width = 0;
    },
  };
}
