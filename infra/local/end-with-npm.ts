/** Milliseconds between two looks at the parent. */
const interval = 500;

/**
 * Calls the listener when npm, which runs this script, has ended. npm sends a signal only to the shell that runs the script, and the
 * shell does not pass it on. So the parent is watched.
 */
export function onNpmEnd(listener: () => void): void {
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const { ppid } = process;
  const timer = setInterval(() => {
    if (process.ppid === ppid) return;
    clearInterval(timer);
    listener();
  }, interval);
  timer.unref();
}
