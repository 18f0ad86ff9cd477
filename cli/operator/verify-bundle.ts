import { hash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { type FoundBundle, findBundles } from '../../infra/tools/find-bundles.ts';
import type { VerifierGroup } from '../../lib/bundle/dps-decision.ts';
import { type BundleReport, verifyBundle } from '../../lib/bundle/verify-bundle.ts';
import { FleetError } from '../../lib/errors.ts';
import { type Api, answered, every } from '../api.ts';
import type { Context } from '../context.ts';
import { CliError, exitCodes, usageError } from '../errors.ts';
import { plural } from '../text.ts';

/*
 * `fleet bundle verify`: checks a bundle, and predicts whether DPS accepts the device.
 */

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
  return verifierGroups(document, file);
}

function verifierGroups(document: unknown, file: string): VerifierGroup[] {
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
  const { findRegistry } = await import('./registry.ts');
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

function linesOf({ deviceId, ok, dps, checks, sha256 }: FileReport): string[] {
  const lines = checks.map(({ name, fault }) =>
    fault === undefined ? `  ok     ${name}` : `  FAULT  ${name}: ${fault}`,
  );
  const decision = `  ${dps.accepted ? 'ok    ' : 'FAULT '} DPS will say: ${dps.text}`;
  return [`${deviceId}: ${ok ? 'good' : 'not good'}`, `  SHA-256 ${sha256}`, ...lines, decision];
}

interface VerifyOptions {
  readonly groups?: string | undefined;
  readonly dps?: string | undefined;
  readonly sha256?: string | undefined;
  readonly at?: string | undefined;
}

/** Checks a bundle, or every bundle of a folder. A file that cannot be read is a usage error. */
export async function verifyBundles(context: Context, path: string, options: VerifyOptions): Promise<number> {
  const { sha256 } = options;
  const at = options.at === undefined ? new Date() : new Date(options.at);
  if (Number.isNaN(at.getTime())) throw usageError('Invalid value for --at. Expected a time in ISO 8601.');
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(sha256)) {
    throw usageError('Invalid value for --sha256. Expected 64 hexadecimal digits.');
  }
  try {
    const groups = options.groups === undefined ? await liveGroups(context) : await readGroups(options.groups);
    const verifiedCas = options.dps === undefined ? undefined : await readVerifiedCas(options.dps);
    const verify = (bundle: Buffer) => verifyBundle(bundle, groups, at, verifiedCas);
    const bundles = await findBundles(path);
    const isFolder = (await stat(path)).isDirectory();
    if (isFolder && sha256 !== undefined) throw usageError('--sha256 is for one bundle file, and this is a folder.');
    if (isFolder) return await verifyFolder(context, bundles, verify);
    const bundle = await readFile(path);
    const report = withSha256(verify(bundle), hash('sha256', bundle), sha256);
    await context.output.one(report, linesOf);
    return report.ok ? exitCodes.ok : exitCodes.failed;
  } catch (error) {
    if (error instanceof CliError) throw error;
    // Without a cause: it could quote the file, which can hold a private key.
    throw new CliError(exitCodes.usage, error instanceof Error ? error.message : 'unknown');
  }
}

/** The groups of the deployment that is meant, in place of a file. */
async function liveGroups({ api }: Context): Promise<VerifierGroup[]> {
  const { client } = await api();
  const groups = verifierGroups(await answered(client.GET('/enrollment-groups')), 'The answer of the deployment');
  const blocked = await blockedCas(client);
  return groups.map((each) => ({ ...each, blockedCas: blocked.get(each.id) ?? [] }));
}

/** Delegated CAs that DPS refuses, PEM, by group. */
async function blockedCas(client: Api['client']): Promise<ReadonlyMap<string, readonly string[]>> {
  const read = async (page: { limit: number; continuation?: string }) => {
    const query = { ...page, state: 'blocked' as const };
    const answer = await answered(client.GET('/certificate-authorities', { params: { query } }));
    return { items: answer.certificateAuthorities, continuation: answer.continuation };
  };
  const found = await Array.fromAsync(every(Number.POSITIVE_INFINITY, read));
  const byGroup = Map.groupBy(found, ({ enrollmentGroup }) => enrollmentGroup);
  return new Map([...byGroup].map(([id, cas]) => [id, cas.flatMap(({ certificatePem }) => certificatePem ?? [])]));
}

/** Verifies every bundle. A file that is not a bundle is a fault, and the others are still verified. @returns the exit code */
async function verifyFolder(
  { output, say }: Context,
  bundles: readonly FoundBundle[],
  verify: (bundle: Buffer) => BundleReport,
): Promise<number> {
  const results: (FileReport | { readonly ok: false; readonly fault: string })[] = [];
  for (const { path, read } of bundles) {
    const result = await resultOf(read, verify);
    results.push(result);
    const lines = 'fault' in result ? [`${path}: not good`, `  FAULT  ${result.fault}`] : linesOf(result);
    if (output.isTable) await output.one(result, () => lines);
  }
  const failed = results.filter(({ ok }) => !ok).length;
  const reports = results.map((result, index) => ({ bundle: bundles[index]?.path, ...result }));
  const columns = [
    { name: 'bundle', value: ({ bundle }: (typeof reports)[number]) => bundle },
    { name: 'good', value: ({ ok }: (typeof reports)[number]) => ok },
  ];
  if (!output.isTable) await output.rows(columns, reports);
  say(`${results.length - failed} of ${plural(results.length, 'bundle')} are good.`);
  return failed === 0 ? exitCodes.ok : exitCodes.failed;
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
