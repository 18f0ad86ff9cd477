import { readFile } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { FleetError } from '../../../lib/errors.ts';
import { type GroupDefinition, parseGroupDefinition } from '../../../lib/groups/definition.ts';
import { manifestDefaults } from '../../../lib/manifest/manifest.ts';
import { createRowReader } from '../../../lib/manifest/rows.ts';
import { splitManifest } from '../../../lib/manifest/splitter.ts';
import { bytesSource } from '../../../lib/manifest/xlsx/package.ts';
import { readWorkbook } from '../../../lib/manifest/xlsx/table.ts';
import { type CommandArguments, errorText, UsageError, wholeNumber } from '../../tools/command-line.ts';

export const usage = `Usage: npm run demo -- [--manifest FILE] [--group FILE] [--out DIR] [--register N] [--keep]

Starts the stack in a temporary folder, submits a manifest, registers the devices and checks the results.

  --manifest FILE   your manifest, .csv, .xlsx, .ndjson or .jsonl (default: samples/gateways.csv, and an order)
  --group FILE      JSON definition of the enrollment group (default: samples/line7.json)
                    Its "id", or else the name of the file, is the id of the group
  --out DIR         write results.csv, errors.csv, devices/<deviceId>/ and ca/ to this folder (default: nothing is kept)
  --register N      number of devices that register with DPS (default: all)
  --keep            keep the stack running after the checks, and print links to what was made in the console
                    Ctrl-C ends it and deletes everything
  -h, --help        show this text

Exit codes: 0 every check passed, 1 a check or the stack failed, 2 invalid command line or file, 130 Ctrl-C before the checks
have ended.

Example: npm run demo -- --manifest samples/gateways.csv --group samples/line7.json --out result`;

export const options = {
  manifest: { type: 'string' },
  group: { type: 'string' },
  out: { type: 'string' },
  register: { type: 'string' },
  keep: { type: 'boolean', default: false },
} as const;

export interface DemoOptions {
  readonly manifest: { readonly name: string; readonly body: Buffer };
  readonly group: { readonly id: string; readonly definition: Record<string, unknown> };
  /** Set only if the demo runs on its own samples. */
  readonly order?: Record<string, unknown>;
  /** The intentionally invalid lines of the sample, such as `12 device-id-invalid`. */
  readonly expectedErrors?: readonly string[];
  readonly out?: string;
  readonly register: number;
  /** Keep the stack running after the checks, until Ctrl-C. */
  readonly keep: boolean;
}

/**
 * Reads the files that the command line names, and checks them as the app does. A wrong file is refused here, before the
 * stack starts.
 * @throws UsageError if an option or a file is invalid
 */
export async function readOptions({ values }: CommandArguments<typeof options>): Promise<DemoOptions> {
  const register = values.register === undefined ? Number.POSITIVE_INFINITY : wholeNumber('register', values.register);
  const group = await readGroup(values.group ?? 'samples/line7.json');
  const manifest = await readManifest(values.manifest ?? 'samples/gateways.csv', group);
  return {
    manifest,
    group,
    ...(values.manifest === undefined ? await samples() : {}),
    ...(values.out === undefined ? {} : { out: values.out }),
    register,
    keep: values.keep,
  };
}

async function readGroup(file: string): Promise<DemoOptions['group'] & { readonly parsed: GroupDefinition }> {
  const text = (await readInput('--group', file)).toString('utf8');
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new UsageError(`--group ${file} is not JSON. Expected the definition of an enrollment group.`);
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw new UsageError(`--group ${file} is not a JSON object. Expected the definition of an enrollment group.`);
  const { id = basename(file, extname(file)), ...definition } = document as Record<string, unknown>;
  try {
    return { id: String(id), definition, parsed: parseGroupDefinition(String(id), definition) };
  } catch (error) {
    throw new UsageError(`--group ${file}: ${errorText(error)}`, { cause: error });
  }
}

/** Rows per chunk of the check. Any number gives the same rows. */
const chunkRows = 1_000;

/** @throws UsageError unless the file is a manifest with at least one row that the group can provision */
async function readManifest(
  file: string,
  { id, parsed }: { id: string; parsed: GroupDefinition },
): Promise<DemoOptions['manifest']> {
  const body = await readInput('--manifest', file);
  const name = basename(file);
  try {
    const { format } = manifestDefaults(name);
    const table = format === 'xlsx' ? await readWorkbook(bytesSource(body)) : undefined;
    const text = table === undefined ? body : Buffer.concat(await Array.fromAsync(table.csv));
    const { shape, chunks } = await splitManifest(pieces(text), {
      format: format === 'xlsx' ? 'csv' : format,
      sheet: table?.sheet,
      chunkRows,
    });
    const read = createRowReader({
      shape,
      defaultGroup: id,
      group: (wanted) => (wanted === id ? parsed : undefined),
    });
    let first: string | undefined;
    for (const { start, end, firstLine } of chunks) {
      const { requests, faults } = read(text.subarray(start, end), firstLine);
      if (requests.length > 0) return { name, body };
      first ??= `Line ${faults[0]?.line}: ${faults[0]?.message}`;
    }
    throw new UsageError(`--manifest ${file} has no valid row. ${first}`);
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    throw new UsageError(`--manifest ${file} is not a manifest. ${errorText(error)}`, { cause: error });
  }
}

async function* pieces(body: Buffer): AsyncIterable<Uint8Array> {
  yield body;
}

async function readInput(option: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new UsageError(`Cannot read ${option} ${file}: ${(error as Error).message}`, { cause: error });
  }
}

async function samples() {
  const order = JSON.parse(await readFile('samples/order.json', 'utf8'));
  const expected = await readFile('samples/gateways.errors.txt', 'utf8');
  return { order, expectedErrors: expected.trim().split('\n') };
}
