import { parseArgs } from 'node:util';

export const usage = `Usage: npm run ca -- VERB [GROUP] [options]

  show                what CAs there are, and what DPS knows of them
  register [GROUP]    shows DPS the root, or a group's issuing CA, and proves that its key is ours
                      --name NAME     name in DPS (fleet-root, GROUP-1)
                      --vouched       DPS takes our word for it; no proof
                      --proof FILE    a proof signed elsewhere, for the code that an earlier run gave
  root                makes your own root the fleet's: --certificate FILE [--key FILE]; without its key it stays offline
  csr GROUP           a request for the group's next issuing CA, to be signed elsewhere [--out FILE]
  import GROUP        what was signed: --certificate FILE [--chain FILE] [--key FILE]
  rollover GROUP      a new issuing CA signed by our root; the one before is still accepted
                      --from N        only if CA N is the current one   --force  though a third CA's devices end

Where: the local stack (npm start), or
  --settings FILE     the app's settings: output of "az functionapp config appsettings list"
  --dps ID            resource id of the provisioning service, for show and register
  --json              the result as JSON

Exit codes: 0 done, 1 refused or failed, 2 not understood.

Example, an issuing CA signed by your own PKI:
  npm run ca -- csr line7 --out line7.csr
  openssl x509 -req -in line7.csr -CA root.pem -CAkey root.key -days 1825 -copy_extensions copy -out line7.pem
  npm run ca -- import line7 --certificate line7.pem --chain root.pem`;

const verbs = ['show', 'register', 'root', 'csr', 'import', 'rollover'] as const;
export type Verb = (typeof verbs)[number];

/** What was typed cannot be understood. */
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

/** Options that only some verbs have. */
const optionsOf: Readonly<Record<Verb, readonly string[]>> = {
  show: [],
  register: ['name', 'vouched', 'proof'],
  root: ['certificate', 'key'],
  csr: ['out'],
  import: ['certificate', 'chain', 'key', 'from', 'force'],
  rollover: ['from', 'force'],
};
const everywhere = ['settings', 'dps', 'json'];
const needsGroup: readonly Verb[] = ['csr', 'import', 'rollover'];

/** @returns `help` when that is asked for. @throws UsageError */
export function parseArguments(args: readonly string[]): Arguments | 'help' {
  const { values, positionals } = parse(args);
  if (values.help || args.length === 0) return 'help';
  const [word, group, ...more] = positionals;
  const verb = verbs.find((each) => each === word);
  if (verb === undefined) throw new UsageError(`"${word ?? ''}" is no verb; expected ${verbs.join(', ')}`);
  if (more.length > 0) throw new UsageError(`"${more[0]}" is too much`);
  if (group === undefined && needsGroup.includes(verb)) throw new UsageError(`${verb} needs the name of a group`);
  if (group !== undefined && verb !== 'register' && !needsGroup.includes(verb)) {
    throw new UsageError(`${verb} takes no group`);
  }
  const { help: _, from, ...rest } = values;
  const other = Object.entries(values).find(
    ([name, value]) => value !== undefined && value !== false && ![...optionsOf[verb], ...everywhere].includes(name),
  );
  if (other !== undefined) throw new UsageError(`--${other[0]} has no meaning for ${verb}`);
  if ((verb === 'root' || verb === 'import') && values.certificate === undefined) {
    throw new UsageError(`${verb} needs --certificate FILE`);
  }
  if (from !== undefined && !/^\d{1,9}$/.test(from)) throw new UsageError('--from is the number of a CA');
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
