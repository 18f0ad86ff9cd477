/**
 * `npm run audit`: verifies the audit trail of a deployment. docs/audit.md
 */
import { readFile } from 'node:fs/promises';
import { type Checkpoint, readVerifierKey, verifierKey } from '../../lib/audit/checkpoint.ts';
import { checkpointName } from '../../lib/audit/cursor.ts';
import { readKeptCheckpoint, verifyLog } from '../../lib/audit/verify.ts';
import { FleetError } from '../../lib/errors.ts';
import { ArchiveMatcher } from './audit/archives.ts';
import { findPlace, type Place } from './ca/place.ts';
import { runCommand, UsageError } from './command-line.ts';

const usage = `Usage: npm run audit -- VERB [--settings FILE] [--key FILE] [--older FILE] [--log-only] [--json]

  verify      recompute the log from its entries; compare it with its tiles, its signed checkpoint, its intake and an older
              checkpoint; and match every certificate in every archive of bundles with an entry
  checkpoint  print the latest checkpoint. Keep it where the operators of the fleet cannot change it
  key         print the public key of the log. Keep it likewise

  --settings FILE  app settings of the deployment (az functionapp config appsettings list); uses az login.
                   Without it: the local stack
  --key FILE       the key that you kept. Without it, the deployment itself says which key is right
  --older FILE     a checkpoint that you kept: the log must be an extension of it
  --log-only       leave out the archives of bundles: they can hold private keys, which an auditor need not be able to read
  --json           print the result as JSON
  -h, --help       show this text

Exit codes: 0 intact, 1 something was found, or the trail cannot be read, 2 invalid command line.

Example: npm run audit -- verify --key audit-key.txt --older checkpoint-2026-11-01.txt`;

const options = {
  settings: { type: 'string' },
  key: { type: 'string' },
  older: { type: 'string' },
  'log-only': { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

interface Given {
  readonly key?: string | undefined;
  readonly older?: string | undefined;
  readonly 'log-only'?: boolean | undefined;
  readonly json?: boolean | undefined;
}

const print = (text: string) => process.stdout.write(`${text}\n`);

const verbs: Readonly<Record<string, (place: Place, given: Given) => Promise<number>>> = {
  verify,

  async checkpoint({ services }) {
    const note = await services.auditLog.head.read(checkpointName);
    if (note === undefined) throw new FleetError('not-found', 'The audit trail has no checkpoint yet.');
    process.stdout.write(note);
    return 0;
  },

  async key({ services: { auditLog } }) {
    print(verifierKey(auditLog.origin, (await auditLog.signer()).publicKey));
    return 0;
  },
};

async function verify({ services, name }: Place, given: Given): Promise<number> {
  const { key, older: olderFile, json, 'log-only': logOnly } = given;
  const { auditLog, bundles } = services;
  const publicKey =
    key === undefined ? (await auditLog.signer()).publicKey : readVerifierKey(await readFile(key, 'utf8'));
  if (publicKey === undefined) throw new UsageError(`${key} is not a key that "npm run audit -- key" printed.`);
  const older: Checkpoint | undefined =
    olderFile === undefined ? undefined : readKeptCheckpoint(await readFile(olderFile), publicKey);

  const listed = logOnly ? [] : await Array.fromAsync(bundles.list(''));
  const copies: number[] = [];
  for await (const { name: blob } of auditLog.log.list('checkpoints/')) copies.push(Number(blob.split('/')[1]));
  const matcher = new ArchiveMatcher();
  const onEntry = (entry: Parameters<ArchiveMatcher['note']>[0]) => matcher.note(entry);
  const log = await verifyLog({ ...auditLog, publicKey, older, copies, onEntry });
  const archives = await matcher.match(bundles, listed);

  const { bundleRetentionDays: retentionDays } = services;
  const gone = logOnly ? [] : matcher.gone(listed, { retentionDays, now: services.now() });

  const findings = [...log.findings, ...archives.findings, ...gone];
  if (json === true) print(JSON.stringify({ ...log, ...archives, findings }, undefined, 2));
  else {
    for (const { where, what } of findings) print(`FOUND ${where}: ${what}`);
    print(`${name}: ${log.size} entries in the log, ${log.waiting} in the intake that wait for it`);
    if (!logOnly) print(`${archives.archives} archives, ${archives.certificates} certificates`);
    if (archives.older > 0) print(`${archives.older} archives are from before the audit trail, so no entry names them`);
    if (key === undefined) print('The deployment said which key is right. Verify with --key to be independent of it.');
    print(findings.length === 0 ? 'intact' : 'NOT intact');
  }
  return findings.length === 0 ? 0 : 1;
}

await runCommand({ usage, options, operands: ['VERB'] }, async ({ values, operands: [verb = ''] }) => {
  const run = verbs[verb];
  if (run === undefined) throw new UsageError(`Unknown verb "${verb}". Expected ${Object.keys(verbs).join(', ')}.`);
  return run(await findPlace({ settings: values.settings }), values);
});
