import { stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { answered } from '../api.ts';
import { bundleFileName, type Device, downloadBundle } from '../bundles.ts';
import type { Context } from '../context.ts';
import { CliError, exitCodes } from '../errors.ts';
import type { Column, Line } from '../output.ts';
import { writeList } from '../paging.ts';

const columns: readonly Column<Device>[] = [
  { name: 'device', value: ({ deviceId }) => deviceId },
  { name: 'status', value: ({ status }) => status, kind: 'status' },
  { name: 'group', value: ({ enrollmentGroup }) => enrollmentGroup },
  { name: 'hub', value: ({ registration }) => registration.assignedHub },
  { name: 'certificate until', value: ({ certificate }) => certificate.notAfter, kind: 'time' },
  { name: 'since', value: ({ statusSince }) => statusSince, kind: 'time' },
  { name: 'job', value: ({ job }) => job.jobId },
  { name: 'line', value: ({ job }) => job.line },
];

interface ListOptions {
  readonly group?: string | undefined;
  readonly job?: string | undefined;
  readonly status?: string | undefined;
  readonly expiresBefore?: string | undefined;
  readonly prefix?: string | undefined;
  readonly certificate?: string | undefined;
  readonly limit?: number | undefined;
}

export async function listDevices(context: Context, { limit, prefix, ...filter }: ListOptions): Promise<undefined> {
  const { client } = await context.api();
  await writeList(context, columns, limit, async (page) => {
    const idPrefix = prefix === undefined ? {} : { idPrefix: prefix };
    const query = { ...page, ...(filter as { status?: 'failed' }), ...idPrefix };
    const { devices, continuation } = await answered(client.GET('/devices', { params: { query } }));
    return { items: devices, continuation };
  });
  return undefined;
}

export async function readDevice(context: Context, deviceId: string): Promise<Device> {
  const { client } = await context.api();
  try {
    return await answered(client.GET('/devices/{deviceId}', { params: { path: { deviceId } } }));
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode !== exitCodes.notFound) throw error;
    const next = `fleet devices --prefix ${deviceId.slice(0, 6)}`;
    throw new CliError(error.exitCode, error.message, { ...error.details, next });
  }
}

export async function showDevice(context: Context, deviceId: string): Promise<undefined> {
  await context.output.one(await readDevice(context, deviceId), deviceLines);
  return undefined;
}

export function deviceLines(device: Device): Line[] {
  const { certificate, registration, failure, failedReissue, block, bundle } = device;
  const fault = failure ?? failedReissue;
  const twin = Object.entries(device.twin).flatMap(([kind, values]): Line[] =>
    Object.entries(values).map(([name, value]) => [`${kind}.${name}`, JSON.stringify(value)]),
  );
  return [
    ['device', device.writtenId ?? device.deviceId],
    ['status', device.status, 'status'],
    ['since', device.statusSince, 'time'],
    ['fault', fault === undefined ? undefined : `${fault.message} (${fault.code})`],
    ['group', device.enrollmentGroup],
    ['job', `${device.job.jobId}, line ${device.job.line}`],
    ['registration', registration.status],
    ['hub', registration.assignedHub],
    ['registered', registration.at, 'time'],
    ['error of DPS', registration.errorMessage],
    ['serial number', certificate.serialNumber],
    ['SHA-256', certificate.sha256Thumbprint],
    ['valid until', certificate.notAfter, 'time'],
    ['bundle', bundle?.link === undefined ? undefined : `${bundle.fileName}, ${bundle.bytes} bytes`],
    ...(block === undefined ? [] : blockLines(block)),
    ...twin,
    'history',
    ...device.history.map(({ at, event, detail }): Line => [`  ${event}${detail ? `: ${detail}` : ''}`, at, 'time']),
  ];
}

function blockLines({ kind, by, reason, doors }: NonNullable<Device['block']>): Line[] {
  return [
    ['blocked', `${kind} by ${by}: ${reason}`],
    ...Object.entries(doors).map(
      ([name, { state, why }]): Line => [`door ${name}`, `${state}${why ? `: ${why}` : ''}`],
    ),
  ];
}

export async function fetchBundle(
  context: Context,
  deviceId: string,
  { out }: { out?: string | undefined },
): Promise<undefined> {
  const device = await readDevice(context, deviceId);
  const file = resolve(await fileFor(out, bundleFileName(device)));
  const sha256 = await downloadBundle(await context.api(), device, file);
  await context.output.one({ deviceId, file, sha256 }, () => [
    ['file', file],
    ['SHA-256', sha256],
  ]);
  context.say(`next: fleet bundle verify ${relative('', file)} --groups FILE`);
  return undefined;
}

/** @returns the file that `out` names: itself, or one in it if it is a folder */
async function fileFor(out: string | undefined, name: string): Promise<string> {
  if (out === undefined) return name;
  const found = await stat(out).catch(() => undefined);
  return found?.isDirectory() === true ? join(out, name) : out;
}
