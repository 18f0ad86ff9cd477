/**
 * Ends this process when the one that started it is gone, even when that was killed: its end of our standard input
 * closes then. A process that was started by hand, on a terminal, stays.
 */
export function dieWithParent(): void {
  if (process.env['DIE_WITH_PARENT'] !== '1') return;
  process.stdin.on('end', () => process.exit(1));
  process.stdin.on('error', () => process.exit(1));
  process.stdin.resume();
  process.stdin.unref?.();
}
