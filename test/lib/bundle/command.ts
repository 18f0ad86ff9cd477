import { spawnSync } from 'node:child_process';

/** Runs a command to its end. @returns its exit code and output */
export function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string } = {},
) {
  const { status, stdout, stderr, error } = spawnSync(command, [...args], { encoding: 'utf8', ...options });
  if (error !== undefined) throw error;
  return { status, stdout, stderr, output: stdout + stderr };
}

/** The reason to skip a test that needs the command, or false when it is installed. */
export function lacks(command: string): string | false {
  return spawnSync('sh', ['-c', `command -v ${command}`]).status === 0 ? false : `${command} is not installed here`;
}
