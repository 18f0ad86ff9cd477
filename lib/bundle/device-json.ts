import * as z from 'zod';
import { type BundleOptions, bundlePaths, type DeviceText, id } from './targets.ts';

/** device.json for a device without IoT Edge: what a DPS client needs to register. Paths are relative to the file. */
export function dpsDeviceConfig({ group, dps }: BundleOptions): DeviceText {
  const quoted = JSON.stringify;
  return [
    '{\n',
    `  "globalEndpoint": ${quoted(dps.globalEndpoint)},\n`,
    `  "idScope": ${quoted(dps.idScope)},\n`,
    '  "registrationId": "',
    id,
    '",\n',
    `  "certificate": ${quoted(bundlePaths.identityChain)},\n`,
    `  "privateKey": ${quoted(group.keyUri ?? bundlePaths.identityKey)},\n`,
    `  "rootCa": ${quoted(bundlePaths.root)}\n`,
    '}\n',
  ];
}

const schema = z.strictObject({
  globalEndpoint: z.url(),
  idScope: z.string().min(1),
  registrationId: z.string().min(1),
  certificate: z.string().min(1),
  privateKey: z.string().min(1),
  rootCa: z.string().min(1),
});

/** Reads a device.json. @returns the configuration, or every fault with its path */
export function readDpsDeviceConfig(text: string): { config: z.output<typeof schema> } | { faults: string[] } {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return { faults: ['not JSON'] };
  }
  const parsed = schema.safeParse(document);
  if (parsed.success) return { config: parsed.data };
  return { faults: parsed.error.issues.map(({ path, message }) => `${path.join('.') || '(top level)'}: ${message}`) };
}
