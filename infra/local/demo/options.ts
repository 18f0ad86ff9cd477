import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { parseArgs } from 'node:util';

export const usage = `Usage: npm run demo -- [--manifest FILE] [--group FILE] [--out DIR] [--register N]

  --manifest FILE   a list of your own (.csv, .ndjson); samples/gateways.csv and an order where absent
  --group FILE      definition of its enrollment group (JSON); the file's name, or its "id", names the group
  --out DIR         leaves results.csv, errors.csv, devices/<deviceId>/ and ca/ there
  --register N      how many devices register with DPS; all where absent

Example: npm run demo -- --manifest samples/gateways.csv --group samples/line7.json --out result`;

export interface DemoOptions {
  readonly manifest: { readonly name: string; readonly body: Buffer };
  readonly group: { readonly id: string; readonly definition: Record<string, unknown> };
  /** Sent too when the demo runs on its own samples. */
  readonly order?: Record<string, unknown>;
  /** Lines of the sample that are bad on purpose, with their codes. */
  readonly expectedErrors?: readonly string[];
  readonly out?: string;
  readonly register: number;
}

/** Reads the command line and the files it names. @throws Error with what is wrong */
export async function readOptions(args: readonly string[]): Promise<DemoOptions | 'help'> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      manifest: { type: 'string' },
      group: { type: 'string' },
      out: { type: 'string' },
      register: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return 'help';
  const register = values.register === undefined ? Number.POSITIVE_INFINITY : Number(values.register);
  if (!(register >= 0)) throw new Error(`--register takes a number, not "${values.register}"`);
  const manifestFile = values.manifest ?? 'samples/gateways.csv';
  const groupFile = values.group ?? 'samples/line7.json';
  const { id = basename(groupFile, extname(groupFile)), ...definition } = JSON.parse(await readFile(groupFile, 'utf8'));
  return {
    manifest: { name: basename(manifestFile), body: await readFile(manifestFile) },
    group: { id, definition },
    ...(values.manifest === undefined ? await samples() : {}),
    ...(values.out === undefined ? {} : { out: values.out }),
    register,
  };
}

async function samples() {
  const order = JSON.parse(await readFile('samples/order.json', 'utf8'));
  const expected = await readFile('samples/gateways.errors.txt', 'utf8');
  return { order, expectedErrors: expected.trim().split('\n') };
}
