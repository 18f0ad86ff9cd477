import { parseArgs } from 'node:util';

export const usage = `Usage: npm run ca -- COMMAND [GROUP] [options]

  show                shows the CAs and their registrations with DPS
  check               asks DPS whether it trusts the root and each issuing CA; GET /api/health then reports it
  register [GROUP]    registers the root, or the issuing CA of a group, with DPS by proof of possession
                      --name NAME     name in DPS (default: fleet-root, GROUP-1)
                      --vouched       mark it as verified in DPS, without a proof
                      --proof FILE    a proof signed elsewhere, for the code of an earlier run
  unregister GROUP    removes the CAs of a deleted group from DPS, unless another group uses them
  root                uses your own root CA: --certificate FILE [--key FILE]; without its key it stays offline
  csr GROUP           writes a certificate request for the next issuing CA of a group [--out FILE]
  import GROUP        imports the signed issuing CA: --certificate FILE [--chain FILE] [--key FILE]
  rollover GROUP      creates a new issuing CA signed by the root; the previous one is still accepted
                      --from N        only if CA N is the current one
                      --force         even if devices of a third CA are then refused

The deployment is the running local stack (npm start), or
  --settings FILE     the app's settings: output of "az functionapp config appsettings list"
  --dps ID            resource id of the provisioning service, for show, check, (un)register
  --json              print the result as JSON
  -h, --help          show this text

Exit codes: 0 success, 1 failure or a CA that DPS does not trust, 2 invalid command line.

Example, an issuing CA signed by your own PKI:
  npm run ca -- csr line7 --out line7.csr
  openssl x509 -req -in line7.csr -CA root.pem -CAkey root.key -days 1825 -copy_extensions copy -out line7.pem
  npm run ca -- import line7 --certificate line7.pem --chain root.pem`;

const verbs = ['show', 'check', 'register', 'unregister', 'root', 'csr', 'import', 'rollover'] as const;
export type Verb = (typeof verbs)[number];

/** The command line is invalid. */
export class UsageError extends Error {}

export interface Arguments {
  readonly verb: Verb;
  readonly group?: string | undefined;
  readonly name?: string | undefined;
  readonly vouched: boolean;
  readonly proof?: string | undefined;
  readonly certificate?: string | undefined;
  readonly chain?: string | undefined;
  readonly key?: string | undefined;
  readonly out?: string | undefined;
  readonly from?: number | undefined;
  readonly force: boolean;
  readonly settings?: string | undefined;
  readonly dps?: string | undefined;
  readonly json: boolean;
}

/** The options of each command. */
const optionsOf: Readonly<Record<Verb, readonly string[]>> = {
  show: [],
  check: [],
  register: ['name', 'vouched', 'proof'],
  unregister: [],
  root: ['certificate', 'key'],
  csr: ['out'],
  import: ['certificate', 'chain', 'key', 'from', 'force'],
  rollover: ['from', 'force'],
};
const everywhere = ['settings', 'dps', 'json'];
const needsGroup: readonly Verb[] = ['unregister', 'csr', 'import', 'rollover'];

/** Reads the command line. @throws UsageError */
export function parseArguments(args: readonly string[]): Arguments | 'help' {
  const { values, positionals } = parse(args);
  if (values.help || args.length === 0) return 'help';
  const [word, group, ...more] = positionals;
  const verb = verbs.find((each) => each === word);
  if (verb === undefined) throw new UsageError(`Unknown command "${word ?? ''}". Expected ${verbs.join(', ')}`);
  if (more.length > 0) throw new UsageError(`Unexpected argument "${more[0]}"`);
  if (group === undefined && needsGroup.includes(verb)) throw new UsageError(`${verb} needs the name of a group`);
  if (group !== undefined && verb !== 'register' && !needsGroup.includes(verb)) {
    throw new UsageError(`${verb} does not take a GROUP`);
  }
  const { help: _, from, ...rest } = values;
  const other = Object.entries(values).find(
    ([name, value]) => value !== undefined && value !== false && ![...optionsOf[verb], ...everywhere].includes(name),
  );
  if (other !== undefined) throw new UsageError(`${verb} does not take --${other[0]}`);
  if ((verb === 'root' || verb === 'import') && values.certificate === undefined) {
    throw new UsageError(`${verb} needs --certificate FILE`);
  }
  if (from !== undefined && !/^\d{1,9}$/.test(from))
    throw new UsageError('Invalid value for --from. Expected the number of a CA');
  return { verb, group, ...rest, ...(from === undefined ? {} : { from: Number(from) }) };
}

function parse(args: readonly string[]) {
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean', default: false } as const;
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...{ name: text, proof: text, certificate: text, chain: text, key: text, out: text, from: text },
        ...{ settings: text, dps: text, vouched: flag, force: flag, json: flag, help: { ...flag, short: 'h' } },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
