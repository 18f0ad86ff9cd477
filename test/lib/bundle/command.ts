import { spawnSync } from 'node:child_process';

/** Runs a command to its end. @returns its exit code and all it said */
export function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string } = {},
) {
  const { status, stdout, stderr, error } = spawnSync(command, [...args], { encoding: 'utf8', ...options });
  if (error !== undefined) throw error;
  return { status, stdout, stderr, output: stdout + stderr };
}

/** Why a test that needs the command is skipped, or false. */
export function lacks(command: string): string | false {
  return spawnSync('sh', ['-c', `command -v ${command}`]).status === 0 ? false : `${command} is not installed here`;
}
