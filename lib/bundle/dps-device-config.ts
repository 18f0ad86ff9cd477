import { type BundleOptions, bundlePaths, type DeviceText, id } from './bundle-files.ts';

/** device.json of a device without IoT Edge: what a DPS client needs to register. Paths are relative to the file. */
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
