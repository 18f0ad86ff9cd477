/**
 * Ends this process when its parent has gone, even after a `kill -9`: the parent's end of our standard input closes then.
 * It does nothing unless the parent set EXIT_WITH_PARENT=1 and spawned this process with a pipe as standard input.
 *
 * @param end called when the parent has gone
 * @example spawn(process.execPath, [program], { stdio: ['pipe', 'inherit', 'inherit'], env: { EXIT_WITH_PARENT: '1' } })
 */
export function exitWithParent(end: () => void = () => process.exit(1)): void {
  if (process.env['EXIT_WITH_PARENT'] !== '1') return;
  process.stdin.on('end', end);
  process.stdin.on('error', end);
  process.stdin.resume();
  // A pipe is a socket. Without this it alone would keep the process running.
  if ('unref' in process.stdin) process.stdin.unref();
}
