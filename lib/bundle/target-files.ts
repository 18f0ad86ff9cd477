import { edgeConfigToml } from './config-toml.ts';
import { edgeConfigYaml } from './config-yaml.ts';
import { dpsDeviceConfig } from './device-json.ts';
import { installScript } from './install-script.ts';
import { readme } from './readme.ts';
import {
  type BundleFile,
  type BundleOptions,
  bundlePaths,
  type DeviceText,
  edgeTargets,
  pemBundle,
  type Target,
} from './targets.ts';

/** The name of the configuration in a bundle, which tells the target's family. */
export function configPath(target: Target): 'config.toml' | 'config.yaml' | 'device.json' {
  if (target === 'dps-device') return 'device.json';
  return target === 'iotedge-1.1' ? 'config.yaml' : 'config.toml';
}

/** The files of a bundle, in their order: what a technician reads first comes first. */
export function targetFiles(options: BundleOptions): BundleFile[] {
  const { group, chainPem, rootPem } = options;
  const { target, edgeCa, est, trustBundle } = group;
  const edge = target !== 'dps-device';
  const issuers = pemBundle(chainPem);
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
  // Modules must trust the issued CA's root; with a CA of the daemon's own they get that one from it.
  const trusted = edgeCa === 'issued' ? [rootPem, ...trustBundle] : trustBundle;
  if (trusted.length > 0) add(bundlePaths.trustBundle, 0o644, pemBundle(trusted));
  if (est !== undefined) add(bundlePaths.estTrust, 0o644, pemBundle([est.trustedCa ?? rootPem]));
  if (!edge) add(bundlePaths.root, 0o644, pemBundle([rootPem]));
  return files;
}

/** The text of a target's configuration. */
export function configuration(options: BundleOptions): DeviceText {
  const { target } = options.group;
  if (target === 'dps-device') return dpsDeviceConfig(options);
  const edgeTarget = edgeTargets[target];
  return target === 'iotedge-1.1' ? edgeConfigYaml(options, edgeTarget) : edgeConfigToml(options, edgeTarget);
}
