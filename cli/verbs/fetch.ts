import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Api, answered, every } from '../api.ts';
import { bundleFileName, type Device, downloadBundle, sha256Of } from '../bundles.ts';
import type { Context } from '../context.ts';
import { CliError, errorLines, exitCodes, usageError } from '../errors.ts';
import { createProgress } from '../progress.ts';
import { grouped, plural } from '../text.ts';

interface FetchOptions {
  readonly out: string;
  readonly labelUrl?: string | undefined;
  readonly parallel: number;
}

/** One bundle in the folder, as the two tables have it. A job has up to a million, so the device itself is not kept. */
interface Fetched {
  readonly row: ReturnType<typeof indexRow>;
  readonly label: string;
}

/** Downloads all bundles of a job. A second run goes on where the first one ended. */
export async function fetchJob(context: Context, jobId: string, options: FetchOptions): Promise<number> {
  const { out, labelUrl, parallel } = options;
  if (labelUrl !== undefined && !labelUrl.includes('{deviceId}')) {
    throw usageError('--label-url has no {deviceId}.', 'Such as --label-url https://id.example/{deviceId}.');
  }
  const api = await context.api();
  const job = await answered(api.client.GET('/jobs/{jobId}', { params: { path: { jobId } } }));
  await mkdir(join(out, 'bundles'), { recursive: true, mode: 0o700 });

  const total = job.counts.provisioned + job.counts.unchanged;
  const progress = createProgress(context);
  const fetched: Fetched[] = [];
  const faults: string[] = [];
  let [loaded, without] = [0, 0];
  const devices = devicesOf(api, jobId);

  // Each worker takes the next device, so that a slow download holds up one worker only.
  async function work(): Promise<void> {
    for await (const device of devices) {
      if (device.bundle?.link === undefined) {
        without += 1;
        continue;
      }
      try {
        const name = bundleFileName(device);
        const file = join(out, 'bundles', name);
        const present = await sha256Of(file);
        const isThere = present !== undefined && present === device.bundle.sha256;
        const sha256 = isThere ? present : await downloadBundle(api, device, file);
        if (!isThere) loaded += 1;
        fetched.push({
          row: indexRow(device, `bundles/${name}`, sha256),
          label: device.writtenId ?? device.deviceId,
        });
      } catch (error) {
        if (!(error instanceof CliError) || error.exitCode === exitCodes.access) throw error;
        context.terminal.signal.throwIfAborted();
        faults.push(`${device.deviceId}: ${errorLines(error)[0]}`);
      }
      progress.show(
        `${grouped(fetched.length)} of ${grouped(total)} bundles`,
        total === 0 ? 1 : fetched.length / total,
      );
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(parallel, 16) }, work));
  } finally {
    progress.end();
  }
  fetched.sort((a, b) => (a.row.deviceId < b.row.deviceId ? -1 : 1));
  await writeTable(
    join(out, 'index.csv'),
    fetched.map(({ row }) => row),
  );
  const templates = await templatesOf(api, fetched, labelUrl);
  const labels = fetched.map((each) => labelRow(each, templates.get(each.row.enrollmentGroup)));
  await writeTable(join(out, 'labels.csv'), labels);

  for (const fault of faults.slice(0, 20)) context.say(fault);
  if (without > 0) context.say(`${plural(without, 'device')} of the job have no bundle to download.`);
  if (job.finishedAt === undefined)
    context.say(`The job has not ended. Run the command again after fleet job watch ${jobId}.`);
  const summary = {
    jobId,
    out,
    bundles: fetched.length,
    downloaded: loaded,
    failed: faults.length,
    withoutBundle: without,
  };
  await context.output.one(summary, () => [
    ['folder', out],
    ['bundles', fetched.length],
    ['downloaded', loaded],
    ['failed', faults.length],
  ]);
  return faults.length === 0 ? exitCodes.ok : exitCodes.failed;
}

/** The devices of a job. One generator that several workers read takes one request at a time. */
function devicesOf({ client }: Api, job: string): AsyncIterable<Device> {
  const devices = every(Number.POSITIVE_INFINITY, async (page) => {
    const answer = await answered(client.GET('/devices', { params: { query: { ...page, job } } }));
    return { items: answer.devices, continuation: answer.continuation };
  });
  // A worker that ends must not end the others.
  return { [Symbol.asyncIterator]: () => ({ next: () => devices.next() }) };
}

/** The template of the URL on a label, by group: the one that was given, or `labelUrl` of the group. */
async function templatesOf({ client }: Api, fetched: readonly Fetched[], given: string | undefined) {
  const templates = new Map<string, string | undefined>();
  for (const id of new Set(fetched.map(({ row }) => row.enrollmentGroup))) {
    const path = '/enrollment-groups/{id}';
    const group = given === undefined ? await answered(client.GET(path, { params: { path: { id } } })) : undefined;
    templates.set(id, given ?? group?.definition.labelUrl);
  }
  return templates;
}

function indexRow({ deviceId, enrollmentGroup, certificate, job }: Device, file: string, sha256: string) {
  return {
    deviceId,
    file,
    sha256,
    enrollmentGroup,
    line: job.line,
    serialNumber: certificate.serialNumber,
    sha256Thumbprint: certificate.sha256Thumbprint ?? '',
    notAfter: certificate.notAfter ?? '',
  };
}

function labelRow({ row: { deviceId, serialNumber }, label }: Fetched, template: string | undefined) {
  return {
    deviceId,
    label,
    serialNumber,
    labelUrl: template?.replaceAll('{deviceId}', encodeURIComponent(deviceId)) ?? '',
  };
}

/** Writes a file of CSV in one step. */
async function writeTable(file: string, rows: readonly object[]): Promise<void> {
  const { stringify } = await import('csv-stringify/sync');
  await writeFile(`${file}.part`, stringify([...rows], { header: true, escape_formulas: true }));
  await rename(`${file}.part`, file);
}
