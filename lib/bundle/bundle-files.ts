import { usesFleetEst } from '../groups/definition.ts';
import { edgeConfigToml } from './config-toml.ts';
import { edgeConfigYaml } from './config-yaml.ts';
import { dpsDeviceConfig } from './device-json.ts';
import { installScript } from './install-script.ts';
import { readme } from './readme.ts';
import {
  type BundleFile,
  type BundleOptions,
  bundlePaths,
  configPath,
  type DeviceText,
  edgeTargets,
  issuersOf,
  pemBundle,
} from './targets.ts';

/** The files of a group's bundles, with slots for the values of each device. The one to read first comes first. */
export function bundleFiles(options: BundleOptions): BundleFile[] {
  const { group, rootPem } = options;
  const { target, edgeCa, est, trustBundle } = group;
  const edge = target !== 'dps-device';
  const issuers = pemBundle(issuersOf(options));
  const files: BundleFile[] = [];
  const add = (path: string, mode: number, ...parts: DeviceText) => files.push({ path, mode, parts });

  add(bundlePaths.readme, 0o644, ...readme(options));
  if (edge) add(bundlePaths.install, 0o755, installScript(options));
  add(configPath(target), 0o644, ...configuration(options));
  add(bundlePaths.identityChain, 0o644, { slot: 'identity' }, issuers);
  if (group.keyCustody !== 'device') add(bundlePaths.identityKey, 0o600, { slot: 'identityKey' });
  if (edgeCa === 'issued') {
    add(bundlePaths.edgeCaChain, 0o644, { slot: 'edgeCa' }, issuers);
    add(bundlePaths.edgeCaKey, 0o600, { slot: 'edgeCaKey' });
  }
  // Modules must trust the root of an issued Edge CA. The daemon gives them a CA that it makes itself.
  const trusted = edgeCa === 'issued' ? [rootPem, ...trustBundle] : trustBundle;
  if (trusted.length > 0) add(bundlePaths.trustBundle, 0o644, pemBundle(trusted));
  if (est !== undefined) {
    const ours = usesFleetEst(group) ? options.estServer?.trustedCaPem : undefined;
    add(bundlePaths.estTrust, 0o644, pemBundle([est.trustedCa ?? ours ?? rootPem]));
  }
  if (!edge) add(bundlePaths.root, 0o644, pemBundle([rootPem]));
  return files;
}

/** The configuration of a group's target; its name in a bundle is `configPath(target)`. */
export function configuration(options: BundleOptions): DeviceText {
  const { target } = options.group;
  if (target === 'dps-device') return dpsDeviceConfig(options);
  const edgeTarget = edgeTargets[target];
  return target === 'iotedge-1.1' ? edgeConfigYaml(options, edgeTarget) : edgeConfigToml(options, edgeTarget);
}
