import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { parseArgs } from 'node:util';

export const usage = `Usage: npm run demo -- [--manifest FILE] [--group FILE] [--out DIR] [--register N]

  --manifest FILE   your manifest, .csv or .ndjson (default: samples/gateways.csv, and an order)
  --group FILE      JSON definition of the enrollment group (default: samples/line7.json)
                    Its "id", or else the name of the file, is the id of the group
  --out DIR         write results.csv, errors.csv, devices/<deviceId>/ and ca/ to this folder
  --register N      number of devices that register with DPS (default: all)
  -h, --help        show this text

Example: npm run demo -- --manifest samples/gateways.csv --group samples/line7.json --out result`;

export interface DemoOptions {
  readonly manifest: { readonly name: string; readonly body: Buffer };
  readonly group: { readonly id: string; readonly definition: Record<string, unknown> };
  /** Set only if the demo runs on its own samples. */
  readonly order?: Record<string, unknown>;
  /** The intentionally invalid lines of the sample, such as `12 device-id-invalid`. */
  readonly expectedErrors?: readonly string[];
  readonly out?: string;
  readonly register: number;
}

/** Reads the command line and the files that it names. @throws Error if an option or a file is invalid */
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
  if (!(register >= 0)) throw new Error(`Invalid value "${values.register}" for --register. Expected a number.`);
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
