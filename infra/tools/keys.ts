/**
 * `npm run keys -- ROLE`: prints the commands that create one function key per role. Azure Functions has keys of the whole app
 * and keys of one function, and no key of some functions. So a role's key is set, with one name and one value, on each
 * function that the role may call.
 * https://learn.microsoft.com/azure/azure-functions/function-keys-how-to
 */
import { parseArgs } from 'node:util';
import { operationsOf } from '../../functions/http/operations.ts';
import { type Role, roles } from '../../lib/access/principal.ts';

const usage = `Usage: npm run keys -- ROLE [--delete]

Prints one Azure CLI command per function that the role may call. They take the names of the resource group and of the app
from AZURE_RESOURCE_GROUP and AZURE_FUNCTION_APP_NAME (azd env get-values), and the key from KEY.

  ROLE        ${roles.join(', ')}
  --delete    print the commands that delete the key
  -h, --help  show this text

Exit codes: 0 printed, 2 invalid command line.

Example: export KEY=$(openssl rand -hex 32)
         npm run --silent keys -- reader | sh -e`;

/** @returns shell commands, one per function that the role may call */
export function keyCommands(role: Role, verb: 'set' | 'delete'): string[] {
  const app = '-g "$AZURE_RESOURCE_GROUP" -n "$AZURE_FUNCTION_APP_NAME"';
  const value = verb === 'set' ? ' --key-value "$KEY"' : '';
  return operationsOf(role).map(
    (operation) =>
      `az functionapp function keys ${verb} ${app} --function-name ${operation} --key-name ${role}${value} -o none`,
  );
}

function main(args: string[]): number {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { delete: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } },
    });
    if (values.help) {
      process.stdout.write(`${usage}\n`);
      return 0;
    }
    const role = roles.find((each) => each === positionals[0]);
    if (role === undefined || positionals.length !== 1) throw new Error(`Expected one of ${roles.join(', ')}.`);
    // `sh` must not set a key with an empty value, or on an app without a name.
    const variables = ['AZURE_RESOURCE_GROUP', 'AZURE_FUNCTION_APP_NAME', ...(values.delete ? [] : ['KEY'])];
    const checks = variables.map((name) => `: "\${${name}:?is not set}"`);
    process.stdout.write(`${[...checks, ...keyCommands(role, values.delete ? 'delete' : 'set')].join('\n')}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`error: ${(error as Error).message}\nhint: npm run keys -- --help\n`);
    return 2;
  }
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2));
