/**
 * `npm run verify-bundle -- BUNDLE --groups FILE`: checks a bundle, and predicts whether DPS accepts the device.
 */
import { hash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import type { VerifierGroup } from '../../lib/bundle/dps-decision.ts';
import { type BundleReport, verifyBundle } from '../../lib/bundle/verify-bundle.ts';
import { FleetError } from '../../lib/errors.ts';
import { type FoundBundle, findBundles } from './find-bundles.ts';

const usage = `Usage: npm run verify-bundle -- BUNDLE --groups FILE [--sha256 HEX] [--dps ID] [--at TIME] [--json]

  BUNDLE         a downloaded bundle, the output of openssl cms -decrypt, an unpacked bundle, or a folder of bundles
  --groups FILE  the answer of GET /api/enrollment-groups, or one group of it
  --dps ID       ask this DPS which CAs are verified: the resource id of the provisioning service (az login), or
                 "local" for the stack of npm start. Without it, the file says which groups DPS has and trusts
  --sha256 HEX   the SHA-256 that the device's record has: bundle.sha256 of GET /api/devices/{deviceId}. It is that of the
                 file as downloaded; for a sealed bundle, compare it before decrypting (sha256sum)
  --at TIME      check for this time, ISO 8601 (default: now)
  --json         print the report as JSON
  -h, --help     show this text

Exit codes: 0 all valid and accepted by DPS, 1 one is invalid or refused, 2 invalid command line or unreadable file.

Example: curl -H "x-functions-key: $KEY" http://localhost:7071/api/enrollment-groups > groups.json
         npm run verify-bundle -- gw-000001.tar.gz --groups groups.json
         npm run verify-bundle -- result/devices --groups groups.json`;

const group = z.object({
  id: z.string(),
  definition: z.object({
    enrollment: z.enum(['group', 'individual']),
    provisioningStatus: z.enum(['enabled', 'disabled']),
  }),
  issuingCas: z.array(z.object({ certificatePem: z.string(), chainPem: z.array(z.string()) })),
  // Answers of earlier versions did not look at what DPS trusts.
  enrollment: z
    .object({ status: z.string(), reason: z.object({ code: z.string(), message: z.string() }).optional() })
    .optional(),
  inForce: z.unknown().optional(),
});
const groupsFile = z.union([
  z.object({ enrollmentGroups: z.array(group) }),
  group.transform((one) => ({ enrollmentGroups: [one] })),
]);

async function readGroups(file: string): Promise<VerifierGroup[]> {
  const text = await readFile(file, 'utf8');
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    // The parser's message quotes the file, which could be a bundle with a private key.
    throw new Error(`${file} is not JSON. Expected the answer of GET /api/enrollment-groups`);
  }
  const parsed = groupsFile.safeParse(document);
  if (!parsed.success) throw new Error(`${file} is not an answer of GET /api/enrollment-groups`);
  return parsed.data.enrollmentGroups.map(({ id, definition, issuingCas, ...state }) => {
    return { id, ...definition, issuingCas, ...doubtsOf(state) };
  });
}

/** Why DPS would refuse the devices of a group, as the API says. */
function doubtsOf({ enrollment, inForce }: Pick<z.output<typeof group>, 'enrollment' | 'inForce'>) {
  if (enrollment === undefined || enrollment.status === 'enrolled') return {};
  const { status, reason } = enrollment;
  if (reason?.code === 'ca-unregistered') return { untrusted: reason.message };
  // A change waits, and DPS has what was in force before.
  if (inForce !== undefined) return {};
  return { missing: reason?.message ?? `it is ${status}` };
}

/** Asks DPS for its CA certificates. @param dps a resource id, or `local` */
async function readVerifiedCas(dps: string): Promise<ReadonlySet<string>> {
  // Loaded only here: the Azure SDKs take longer to load than a bundle takes to verify.
  const { findRegistry } = await import('./ca/registry.ts');
  const certificates = await (await findRegistry(dps)).list();
  return new Set(certificates.filter(({ isVerified }) => isVerified).map(({ sha1Thumbprint }) => sha1Thumbprint));
}

/** @returns the report with one more check: whether the file has the SHA-256 of the device's record */
function withSha256(report: BundleReport, sha256: string, recorded: string | undefined): FileReport {
  if (recorded === undefined) return { ...report, sha256 };
  const isRecorded = sha256 === recorded.toLowerCase();
  const fault = isRecorded ? {} : { fault: `its SHA-256 is ${sha256}, the recorded one is ${recorded}` };
  const checks = [{ name: 'the file is the bundle that was recorded', ...fault }, ...report.checks];
  return { ...report, sha256, checks, ok: report.ok && isRecorded };
}

/** A report, and the SHA-256 of the file, lower-case hex. */
type FileReport = BundleReport & { readonly sha256: string };

function describe({ deviceId, ok, dps, checks, sha256 }: FileReport): string {
  const lines = checks.map(({ name, fault }) =>
    fault === undefined ? `  ok     ${name}` : `  FAULT  ${name}: ${fault}`,
  );
  const decision = `  ${dps.accepted ? 'ok    ' : 'FAULT '} DPS will say: ${dps.text}`;
  return [`${deviceId}: ${ok ? 'good' : 'not good'}`, `  SHA-256 ${sha256}`, ...lines, decision].join('\n');
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      groups: { type: 'string' },
      dps: { type: 'string' },
      sha256: { type: 'string' },
      at: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const [file] = positionals;
  const at = values.at === undefined ? new Date() : new Date(values.at);
  const hasBadHash = values.sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(values.sha256);
  const hasBadTime = Number.isNaN(at.getTime());
  if (file === undefined || positionals.length > 1 || values.groups === undefined || hasBadTime || hasBadHash) {
    console.error(`error: ${mistakeOf(positionals, values.groups, hasBadHash)}\n\n${usage}`);
    return 2;
  }
  const groups = await readGroups(values.groups);
  const verifiedCas = values.dps === undefined ? undefined : await readVerifiedCas(values.dps);
  const verify = (bundle: Buffer) => verifyBundle(bundle, groups, at, verifiedCas);
  const bundles = await findBundles(file);
  if ((await stat(file)).isDirectory()) {
    if (values.sha256 !== undefined) {
      console.error('error: --sha256 is for one bundle file, and this is a folder.');
      return 2;
    }
    return verifyFolder(bundles, verify, values);
  }
  const bundle = await readFile(file);
  const report = withSha256(verify(bundle), hash('sha256', bundle), values.sha256);
  console.log(values.json ? JSON.stringify(report, null, 2) : describe(report));
  return report.ok ? 0 : 1;
}

/** Verifies every bundle. A file that is not a bundle is a fault, and the others are still verified. @returns the exit code */
async function verifyFolder(
  bundles: readonly FoundBundle[],
  verify: (bundle: Buffer) => BundleReport,
  { json }: { json: boolean },
): Promise<number> {
  const results: (FileReport | { readonly ok: false; readonly fault: string })[] = [];
  for (const { path, read } of bundles) {
    const result = await resultOf(read, verify);
    results.push(result);
    if (json) continue;
    console.log('fault' in result ? `${path}: not good\n  FAULT  ${result.fault}` : describe(result));
  }
  const failed = results.filter(({ ok }) => !ok).length;
  if (json) {
    const reports = results.map((result, index) => ({ bundle: bundles[index]?.path, ...result }));
    console.log(JSON.stringify(reports, null, 2));
  } else {
    console.log(`\n${results.length - failed} of ${results.length} bundles are good.`);
  }
  return failed === 0 ? 0 : 1;
}

async function resultOf(read: FoundBundle['read'], verify: (bundle: Buffer) => BundleReport) {
  try {
    const bundle = await read();
    return withSha256(verify(bundle), hash('sha256', bundle), undefined);
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return { ok: false, fault: error.message } as const;
  }
}

function mistakeOf(positionals: readonly string[], groups: string | undefined, hasBadHash: boolean): string {
  if (positionals.length !== 1) return `Expected one BUNDLE, found ${positionals.length}.`;
  if (hasBadHash) return 'Invalid value for --sha256. Expected 64 hexadecimal digits.';
  return groups === undefined ? '--groups FILE is missing.' : 'Invalid value for --at. Expected a time in ISO 8601.';
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : 'unknown'}`);
  process.exitCode = 2;
}
