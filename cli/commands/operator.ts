import { positive, time } from '../arguments.ts';
import { withNotes } from '../help.ts';
import type { Root, Run } from '../root.ts';

/*
 * Verbs that work past the HTTP API, with the rights of the operator: on the stores and the DPS of a deployment, or on files.
 * `audit export` is beside the other verbs of the audit trail, and uses the API.
 */

const settings = [
  '--settings <FILE>',
  'app settings (az functionapp config appsettings list); default: the local stack',
] as const;
const dps = ['--dps <ID>', 'resource id of the provisioning service, or "local"'] as const;
const instance = [
  '--instance <NAME>',
  'DPS instance of DPS_INSTANCES; default: that of the group or of --dps',
] as const;
const group = ['<GROUP>', 'id of an enrollment group'] as const;
const force = ['--force', 'although devices of a third CA are then refused'] as const;
const from = ['--from <N>', 'only if CA N is the current one', positive] as const;

export function operatorCommands(root: Root, run: Run): void {
  root.commandsGroup("With the operator's own rights:");
  caCommands(root, run);
  bundleCommands(root, run);
  auditCommands(root, run);
  withNotes(
    root
      .command('order')
      .description('send an order to the queue of the local stack, as an ERP does')
      .argument('<FILE>', 'an order in JSON, plain or in a CloudEvents envelope, or a list of orders; UTF-8 or UTF-16')
      .action(run(async () => (await import('../operator/order.ts')).sendOrder)),
    { examples: ['fleet order samples/order.json'] },
  );
}

function caCommands(root: Root, run: Run): void {
  const ca = root.command('ca').description('certificate authorities, and whether DPS trusts them');
  const onFleet = (verb: 'show' | 'check' | 'root') =>
    run(async () => (await import('../operator/ca.ts')).onFleet(verb));
  const onGroup = (verb: 'register' | 'unregister' | 'csr' | 'import' | 'rollover') =>
    run(async () => (await import('../operator/ca.ts')).onGroup(verb));
  withNotes(
    ca
      .command('show')
      .description('show the CAs, where their keys are, and their registrations with DPS')
      .option(...settings)
      .option(...dps)
      .option(...instance)
      .action(onFleet('show')),
    { examples: ['fleet ca show', 'fleet ca show --settings app.json --dps "$DPS_ID"'] },
  );
  withNotes(
    ca
      .command('check')
      .description('ask DPS whether it trusts the root and each issuing CA; GET /api/health then reports it')
      .option(...settings)
      .option(...dps)
      .option(...instance)
      .action(onFleet('check')),
    { examples: ['fleet ca check', 'fleet ca check --settings app.json --dps "$DPS_ID"'] },
  );
  withNotes(
    ca
      .command('register')
      .description('register the root, or the issuing CA of a group, with DPS by proof of possession')
      .argument('[GROUP]', 'id of an enrollment group; without it, the root')
      .option('--name <NAME>', 'name in DPS (default: fleet-root, GROUP-1)')
      .option('--vouched', 'mark it as verified in DPS, without a proof')
      .option('--proof <FILE>', 'a proof signed elsewhere, for the code of an earlier run')
      .option(...settings)
      .option(...dps)
      .option(...instance)
      .action(onGroup('register')),
    { examples: ['fleet ca register', 'fleet ca register line7 --settings app.json --dps "$DPS_ID"'] },
  );
  withNotes(
    ca
      .command('unregister')
      .description('remove the CAs of a deleted group from DPS, unless another group uses them')
      .argument(...group)
      .option(...settings)
      .option(...dps)
      .option(...instance)
      .action(onGroup('unregister')),
    { examples: ['fleet ca unregister line7'] },
  );
  withNotes(
    ca
      .command('root')
      .description('use your own root CA; without its key, it stays offline')
      .requiredOption('--certificate <FILE>', 'PEM certificate')
      .option('--key <FILE>', 'PEM private key')
      .option(...settings)
      .action(onFleet('root')),
    { examples: ['fleet ca root --certificate root.pem', 'fleet ca root --certificate root.pem --key root.key'] },
  );
  withNotes(
    ca
      .command('csr')
      .description('write a certificate request for the next issuing CA of a group')
      .argument(...group)
      .option('--out <FILE>', 'file to write (default: stdout)')
      .option(...settings)
      .action(onGroup('csr')),
    {
      about: ['An issuing CA signed by your own PKI:'],
      examples: [
        'fleet ca csr line7 --out line7.csr',
        'openssl x509 -req -in line7.csr -CA root.pem -CAkey root.key -days 1825 -copy_extensions copy -out line7.pem',
        'fleet ca import line7 --certificate line7.pem --chain root.pem',
      ],
    },
  );
  withNotes(
    ca
      .command('import')
      .description('import the signed issuing CA of a group')
      .argument(...group)
      .requiredOption('--certificate <FILE>', 'PEM certificate')
      .option('--chain <FILE>', 'PEM certificates of its issuers')
      .option('--key <FILE>', 'PEM private key, when the request was not made here')
      .option(...from)
      .option(...force)
      .option(...settings)
      .action(onGroup('import')),
    { examples: ['fleet ca import line7 --certificate line7.pem --chain root.pem'] },
  );
  withNotes(
    ca
      .command('rollover')
      .description('create a new issuing CA signed by the root; the previous one is still accepted')
      .argument(...group)
      .option(...from)
      .option(...force)
      .option(...settings)
      .action(onGroup('rollover')),
    {
      about: ['fleet group rollover --start does the same over the HTTP API.'],
      examples: ['fleet ca rollover line7 --from 1'],
    },
  );
}

function bundleCommands(root: Root, run: Run): void {
  const bundle = root.command('bundle').description('bundles on disk');
  withNotes(
    bundle
      .command('verify')
      .description('check bundles, and predict whether DPS accepts their devices')
      .argument(
        '<BUNDLE>',
        'a downloaded bundle, the output of openssl cms -decrypt, an unpacked bundle, or a folder of bundles',
      )
      .option('--groups <FILE>', 'output of fleet groups --json, or one group of it (default: ask the deployment)')
      .option('--dps <ID>', 'ask this DPS which CAs are verified: its resource id (az login), or "local"')
      .option('--sha256 <HEX>', "the SHA-256 that the device's record has: bundle.sha256 of fleet device show --json")
      .option('--at <TIME>', 'check for this time, ISO 8601 (default: now)')
      .action(run(async () => (await import('../operator/verify-bundle.ts')).verifyBundles)),
    {
      about: ['With --groups, nothing but files is read. A file that cannot be read ends with 2.'],
      examples: [
        'fleet groups --json > groups.json',
        'fleet bundle verify gw-000001.tar.gz --groups groups.json',
        'fleet bundle verify lot-7/bundles --groups groups.json',
      ],
    },
  );
}

function auditCommands(root: Root, run: Run): void {
  const audit = root.command('audit').description('the audit trail of a deployment');
  withNotes(
    audit
      .command('verify')
      .description('recompute the log, and match every certificate in every archive with an entry')
      .option('--key <FILE>', 'the key that you kept; without it, the deployment itself says which key is right')
      .option('--older <FILE>', 'a checkpoint that you kept: the log must be an extension of it')
      .option('--log-only', 'leave out the archives of bundles, which can hold private keys')
      .option(...settings)
      .action(run(async () => (await import('../operator/audit.ts')).verifyAudit)),
    { examples: ['fleet audit verify --key audit-key.txt --older checkpoint-2026-11-01.txt'] },
  );
  withNotes(
    audit
      .command('export')
      .description('write who did what, when and why, newest first')
      .option('--since <TIME>', 'from this time on; 7d is seven days ago', time)
      .option('--until <TIME>', 'before this time', time)
      .option('--device <ID>', 'about this device, or the chunk in which its certificate was issued')
      .option('-g, --group <ID>', 'about this enrollment group, or certificates of its CA')
      .option('--job <JOB>', 'about this job')
      .option('--by <NAME>', 'by this user: the name as in an entry, or the object id')
      .option('--action <NAME>', 'of this kind, such as suspend-device')
      .option('--limit <N>', 'at most so many (default: 100 in a table, otherwise all)', positive)
      .action(run(async () => (await import('../verbs/audit.ts')).exportAudit)),
    {
      about: ['Over the HTTP API. Entries of the last minute are not in the log yet.'],
      examples: ['fleet audit export --since 7d -o csv > audit.csv', 'fleet audit export --device gw-000001 -o jsonl'],
    },
  );
  withNotes(
    audit
      .command('checkpoint')
      .description('print the latest checkpoint; keep it where the operators of the fleet cannot change it')
      .option(...settings)
      .action(run(async () => (await import('../operator/audit.ts')).printCheckpoint)),
    { examples: ['fleet audit checkpoint > checkpoint-2026-11-27.txt'] },
  );
  withNotes(
    audit
      .command('key')
      .description('print the public key of the log; keep it likewise')
      .option(...settings)
      .action(run(async () => (await import('../operator/audit.ts')).printKey)),
    { examples: ['fleet audit key > audit-key.txt'] },
  );
}
