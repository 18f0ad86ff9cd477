import { z } from 'zod';
import { ServiceError } from '../http/service-error.ts';
import { anyCase } from '../lenient.ts';
import type { Settings } from '../options.ts';
import { timestamp } from '../record-metadata.ts';
import type { DeviceRegistry, FoundDevice, HubView } from './device-registry.ts';
import { twinEtag } from './hub-device.ts';
import { hubBadRequest, hubErrorNumber } from './hub-error.ts';
import { readIdentity } from './identity.ts';
import { checkEtag, type IdentityWriter } from './identity-writer.ts';
import { changedTwin, newTwin, overwriteTwin, patchTwin, readTwin, type TwinChange, type TwinInput } from './twin.ts';

export const importModes = [
  'create',
  'createOrUpdate',
  'createOrUpdateIfMatchETag',
  'update',
  'updateIfMatchETag',
  'updateTwin',
  'updateTwinIfMatchETag',
  'delete',
  'deleteIfMatchETag',
] as const;
export type ImportMode = (typeof importModes)[number];

/** One entry of a bulk call, or one line of an import file: an identity, its twin, and what to do with them. */
const lineSyntax = z.looseObject({
  id: z.string(),
  moduleId: z.string().nullish(),
  importMode: anyCase(importModes).nullish(),
  eTag: z.string().nullish(),
  // The Node.js client sends the name that identities have.
  etag: z.string().nullish(),
  twinETag: z.string().nullish(),
});
export type RegistryLine = z.output<typeof lineSyntax>;

/** @throws ServiceError 400 */
export function readLine(value: unknown): RegistryLine {
  const parsed = lineSyntax.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw hubBadRequest(`The device is not valid. ${issue?.path.join('.') ?? ''}: ${issue?.message}`);
}

/**
 * Does what one line says. Run it in a transaction, because it may write twice.
 * @throws ServiceError for an invalid line, a missing device, or another etag
 */
export type ApplyLine = (view: HubView, line: RegistryLine, mode: ImportMode) => void;

/**
 * Creates the writer of bulk calls and import jobs
 * (https://learn.microsoft.com/azure/iot-hub/iot-hub-bulk-identity-mgmt#import-behavior).
 */
export function createLineWriter({
  registry,
  writer,
  settings: { now, random },
}: {
  registry: DeviceRegistry;
  writer: IdentityWriter;
  settings: Pick<Settings, 'now' | 'random'>;
}): ApplyLine {
  const identityOf = (line: RegistryLine) => readIdentity({ ...line, deviceId: line.id }, random);

  // The etag of a twin is not compared at its creation, so that an exported device can be imported elsewhere.
  function create(view: HubView, line: RegistryLine): void {
    writer.create(view, identityOf(line), newTwin(readTwin(line)));
  }

  /** "The twin's etag, if specified, is processed independently from the device's etag." */
  function update(view: HubView, line: RegistryLine, ifMatch: string): void {
    const twin = readTwin(line);
    const found = writer.update(view, identityOf(line), ifMatch);
    if (twin.tags || twin.desired) writeTwin(found, twin, line.twinETag || '*', overwriteTwin);
  }

  function writeTwin({ hub, device }: FoundDevice, twin: TwinInput, ifMatch: string, change: TwinChange): void {
    checkEtag(ifMatch, twinEtag(device));
    registry.put(hub, changedTwin(device, twin, change, timestamp(now())));
  }

  return (view, line, mode) => {
    if (line.moduleId) throw hubBadRequest('Module identities are not supported.');
    const etag = line.eTag ?? line.etag ?? '';
    switch (mode) {
      case 'create':
        return create(view, line);
      case 'createOrUpdate':
        return view.find(line.id) ? update(view, line, '*') : create(view, line);
      case 'createOrUpdateIfMatchETag':
        return view.find(line.id) ? update(view, line, etag) : create(view, line);
      case 'update':
        return update(view, line, '*');
      case 'updateIfMatchETag':
        return update(view, line, etag);
      case 'updateTwin':
        return writeTwin(view.existing(line.id), readTwin(line), '*', patchTwin);
      case 'updateTwinIfMatchETag':
        return writeTwin(view.existing(line.id), readTwin(line), line.twinETag ?? '', patchTwin);
      case 'delete':
        return writer.remove(view, line.id, '*');
      case 'deleteIfMatchETag':
        return writer.remove(view, line.id, etag);
    }
  };
}

/** An error of one line, as in the answer of a bulk call and in `importErrors.log`. */
export interface LineError {
  readonly deviceId: string;
  readonly errorCode: number;
  readonly errorStatus: string;
}

export function lineErrorOf(deviceId: string, error: unknown): LineError {
  if (!(error instanceof ServiceError)) throw error;
  return { deviceId, errorCode: hubErrorNumber(error), errorStatus: error.message };
}
