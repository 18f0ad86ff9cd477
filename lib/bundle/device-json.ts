import * as z from 'zod';
import { type BundleOptions, bundlePaths, type DeviceText, id } from './targets.ts';

/**
 * device.json for a device without IoT Edge: what the device SDKs of DPS take, under their names and as they take it. So the
 * endpoint is a host name, and the files are paths. Paths are relative to the file.
 * https://learn.microsoft.com/python/api/azure-iot-device/azure.iot.device.provisioningdeviceclient
 */
export function dpsDeviceConfig({ group, dps }: BundleOptions): DeviceText {
  const quoted = JSON.stringify;
  const [keyName, key] = keyOf(group.keyUri);
  return [
    '{\n',
    `  "provisioningHost": ${quoted(hostOf(dps.globalEndpoint))},\n`,
    `  "idScope": ${quoted(dps.idScope)},\n`,
    '  "registrationId": "',
    id,
    '",\n',
    `  "certFile": ${quoted(bundlePaths.identityChain)},\n`,
    `  "${keyName}": ${quoted(key)}\n`,
    '}\n',
  ];
}

/** A key in a file is its path. The SDKs have no place for one in a token: the program of the device opens it by its URI. */
function keyOf(uri: string | undefined): readonly ['keyFile' | 'keyUri', string] {
  if (uri === undefined) return ['keyFile', bundlePaths.identityKey];
  return uri.startsWith('file:') ? ['keyFile', new URL(uri).pathname] : ['keyUri', uri];
}

/** Host name of the endpoint, with its port if that is not 443. */
function hostOf(globalEndpoint: string): string {
  return URL.parse(globalEndpoint)?.host ?? globalEndpoint;
}

const text = z.string().min(1);

const schema = z
  .strictObject({
    provisioningHost: z
      .string()
      .regex(
        /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?$/i,
        'expected a host name, without https:// and without a path',
      ),
    idScope: text,
    registrationId: text,
    certFile: text,
    keyFile: text.optional(),
    keyUri: text.optional(),
  })
  .refine(({ keyFile, keyUri }) => (keyFile === undefined) !== (keyUri === undefined), {
    path: ['keyFile'],
    message: 'expected either keyFile or keyUri',
  });

/** Bundles of earlier versions. */
const formerSchema = z
  .strictObject({
    globalEndpoint: z.url(),
    idScope: text,
    registrationId: text,
    certificate: text,
    privateKey: text,
    rootCa: text,
  })
  .transform(({ registrationId, certificate, privateKey }) => ({ registrationId, certificate, key: privateKey }));

/** What a device.json says of the identity. */
export interface DpsDeviceConfig {
  readonly registrationId: string;
  /** Path in the bundle. */
  readonly certificate: string;
  /** Path in the bundle or on the device, or a URI. */
  readonly key: string;
}

/** Reads a device.json, also one of an earlier version. @returns the configuration, or every fault with its path */
export function readDpsDeviceConfig(json: string): { config: DpsDeviceConfig } | { faults: string[] } {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch {
    return { faults: ['not JSON'] };
  }
  const former = formerSchema.safeParse(document);
  if (former.success) return { config: former.data };
  const parsed = schema.safeParse(document);
  if (!parsed.success)
    return { faults: parsed.error.issues.map(({ path, message }) => `${path.join('.') || '(top level)'}: ${message}`) };
  const { registrationId, certFile, keyFile, keyUri } = parsed.data;
  return { config: { registrationId, certificate: certFile, key: keyFile ?? keyUri ?? '' } };
}
