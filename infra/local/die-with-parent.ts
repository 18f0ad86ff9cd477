/**
 * Ends this process when the one that started it is gone, even when that was killed: its end of our standard input
 * closes then. A process that was started by hand, on a terminal, stays.
 */
export function dieWithParent(end: () => void = () => process.exit(1)): void {
  if (process.env['DIE_WITH_PARENT'] !== '1') return;
  process.stdin.on('end', end);
  process.stdin.on('error', end);
  process.stdin.resume();
  // A pipe is a socket and can be let go of; otherwise it alone would keep the process alive.
  if ('unref' in process.stdin) process.stdin.unref();
}
