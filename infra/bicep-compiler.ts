import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** What a run of the compiler wrote, and its exit code. */
export interface CompilerRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A Bicep compiler of this machine. */
export interface Compiler {
  readonly version: string;
  run(args: readonly string[]): Promise<CompilerRun>;
}

/** Why nothing can be compiled here. */
export interface Missing {
  readonly missing: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The first version with the command `snapshot`. https://github.com/Azure/bicep/releases/tag/v0.41.2 */
const leastVersion = [0, 41, 2] as const;

/** Most that the compiler writes: a compiled template has 3.4 MB. */
const maxOutputBytes = 64 * 1024 * 1024;

/** Finds the compiler: `bicep` on the PATH, or the one that `az bicep install` keeps for the Azure CLI. */
export async function findCompiler(env: Environment = process.env): Promise<Compiler | Missing> {
  const program = onPath('bicep', env) ?? ofAzureCli(env);
  if (program === undefined) {
    const hint =
      onPath('az', env) === undefined ? 'neither bicep nor az' : 'no bicep, and az has none yet: run az bicep install';
    return { missing: `the PATH has ${hint}` };
  }
  const run = (args: readonly string[]) => runProgram(program, args, env);
  const { stdout } = await run(['--version']);
  const version = /\d+\.\d+\.\d+/.exec(stdout)?.[0];
  if (version === undefined) return { missing: `${program} --version does not say which version it is` };
  if (isOlder(version)) return { missing: `Bicep ${version} has no snapshots; ${leastVersion.join('.')} or newer has` };
  return { version, run };
}

function isOlder(version: string): boolean {
  const parts = version.split('.').map(Number);
  const index = leastVersion.findIndex((least, at) => parts[at] !== least);
  return index >= 0 && (parts[index] ?? 0) < (leastVersion[index] ?? 0);
}

function onPath(name: string, env: Environment): string | undefined {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.flatMap((folder) => [join(folder, name), join(folder, `${name}.exe`)]).find(isProgram);
}

/** https://learn.microsoft.com/azure/azure-resource-manager/bicep/install#azure-cli */
function ofAzureCli(env: Environment): string | undefined {
  const folder = env['AZURE_CONFIG_DIR'] ?? join(env['HOME'] ?? homedir(), '.azure');
  return [join(folder, 'bin/bicep'), join(folder, 'bin/bicep.exe')].find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function runProgram(program: string, args: readonly string[], env: Environment): Promise<CompilerRun> {
  return new Promise((resolve) => {
    execFile(program, [...args], { env, maxBuffer: maxOutputBytes }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      // A program that could not be started has a code such as ENOENT, and has written nothing.
      resolve({ code, stdout, stderr: typeof error?.code === 'string' ? error.message : stderr });
    });
  });
}
