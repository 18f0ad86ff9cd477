import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Api, failureOf, type Schemas } from './api.ts';
import { CliError, exitCodes } from './errors.ts';

export type Device = Schemas['Device'];

/**
 * Downloads the bundle of a device. The file appears whole or not at all, and only its owner can read it.
 * @returns the SHA-256 of the file, lower-case hex
 * @throws CliError when it is not the bundle that the deployment recorded
 */
export async function downloadBundle({ client }: Api, { deviceId, bundle }: Device, file: string): Promise<string> {
  const { data, error, response } = await client.GET('/devices/{deviceId}/bundle', {
    params: { path: { deviceId } },
    parseAs: 'stream',
  });
  if (!response.ok || data == null) throw failureOf(response, error);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const part = `${file}.part`;
  // A part of an earlier run is written again: its mode is right already, or it is not ours.
  await rm(part, { force: true });
  const handle = await open(part, 'wx', 0o600);
  const digest = createHash('sha256');
  try {
    for await (const chunk of data as unknown as AsyncIterable<Uint8Array>) {
      digest.update(chunk);
      await handle.write(chunk);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  const sha256 = digest.digest('hex');
  if (bundle?.sha256 !== undefined && bundle.sha256 !== sha256) {
    await rm(part);
    const message = `The bundle of ${deviceId} has the SHA-256 ${sha256}, the recorded one is ${bundle.sha256}.`;
    throw new CliError(exitCodes.failed, message, {
      hint: 'Repeat the command. If it fails again, issue the device again.',
    });
  }
  await rename(part, file);
  return sha256;
}

/** @returns the SHA-256 of a file, lower-case hex; undefined when there is none */
export async function sha256Of(file: string): Promise<string | undefined> {
  const digest = createHash('sha256');
  try {
    await pipeline(createReadStream(file), digest);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return digest.digest('hex');
}

/** The name of the file of a bundle. What a deployment answers must not lead out of the folder. */
export function bundleFileName({ deviceId, bundle }: Device): string {
  const name = basename(bundle?.fileName ?? `${deviceId}.tar.gz`);
  if (/^[\w][\w.-]{0,200}$/.test(name)) return name;
  throw new CliError(
    exitCodes.failed,
    `The bundle of ${deviceId} has the name "${name}", which is not a name of a file.`,
  );
}
