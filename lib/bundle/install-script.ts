import script from './install.sh.ts';
import { type BundleOptions, bundlePaths, edgeTargets, type Target } from './targets.ts';

/** The directory, owners and modes of the files of an IoT Edge release. */
interface Place {
  readonly directory: string;
  readonly certificateOwner: string;
  readonly keyOwner: string;
  readonly config: string;
  readonly configOwner: string;
  readonly configMode: string;
  /** The command that makes the services read their configuration. */
  readonly apply: string;
}

/** https://learn.microsoft.com/azure/iot-edge/how-to-manage-device-certificates, "Device prerequisites". */
const since12: Place = {
  directory: '/var/aziot',
  certificateOwner: 'aziotcs',
  keyOwner: 'aziotks',
  config: '/etc/aziot/config.toml',
  configOwner: 'root',
  configMode: '600',
  apply: 'iotedge config apply',
};

/** The package of 1.1 has one user. It owns the configuration and alone may read it (edgelet/contrib/debian/postinst). */
const upTo11: Place = {
  directory: '/etc/iotedge',
  certificateOwner: 'iotedge',
  keyOwner: 'iotedge',
  config: '/etc/iotedge/config.yaml',
  configOwner: 'iotedge',
  configMode: '400',
  apply: 'systemctl restart iotedge',
};

/** Distributions that a release no longer runs on (https://learn.microsoft.com/azure/iot-edge/version-history). */
const droppedDistributions: Partial<Record<Target, readonly string[]>> = {
  'iotedge-1.6': ['debian:11', 'mariner:2.0'],
};

/**
 * install.sh of an IoT Edge bundle: POSIX sh, the same for every device of a group. It is lib/bundle/install.sh with the
 * values of the group in its block of variables.
 * @returns the script, or '' for a target that has none
 */
export function installScript({ group }: BundleOptions): string {
  const { target, keyCustody, edgeCa, est, keyUri, trustBundle, pkcs11 } = group;
  if (target === 'dps-device') return '';
  const place = target === 'iotedge-1.1' ? upTo11 : since12;
  const files: string[] = [];
  const add = (path: string, owner: string, mode: string, to = `${place.directory}/${path}`) =>
    files.push(`${path} ${to} ${owner} ${mode}\n`);
  add(bundlePaths.identityChain, place.certificateOwner, '644');
  if (edgeCa === 'issued') add(bundlePaths.edgeCaChain, place.certificateOwner, '644');
  if (edgeCa === 'issued' || trustBundle.length > 0) add(bundlePaths.trustBundle, place.certificateOwner, '644');
  if (est !== undefined) add(bundlePaths.estTrust, place.certificateOwner, '644');
  if (keyUri === undefined) add(bundlePaths.identityKey, place.keyOwner, '600');
  if (edgeCa === 'issued') add(bundlePaths.edgeCaKey, place.keyOwner, '600');
  // Last: the configuration must not name a file that is not there yet.
  const config = target === 'iotedge-1.1' ? 'config.yaml' : 'config.toml';
  add(config, place.configOwner, place.configMode, place.config);

  return withValues({
    version: edgeTargets[target].version,
    dropped_distributions: (droppedDistributions[target] ?? []).join(' '),
    directory: place.directory,
    certificate_owner: place.certificateOwner,
    key_owner: place.keyOwner,
    apply: place.apply,
    identity_chain: bundlePaths.identityChain,
    identity_key: bundlePaths.identityKey,
    edge_ca_chain: edgeCa === 'issued' ? bundlePaths.edgeCaChain : '',
    edge_ca_key: edgeCa === 'issued' ? bundlePaths.edgeCaKey : '',
    own_key: keyCustody === 'device' && keyUri === undefined ? bundlePaths.identityKey : '',
    key_file: keyUri?.startsWith('file://') ? keyUri.slice('file://'.length) : '',
    pkcs11: pkcs11 === undefined ? 'no' : 'yes',
    config: place.config,
    files: `\n${files.join('')}`,
  });
}

/** The lines of install.sh between which the values stand. */
const [blockStart, blockEnd] = ['# --- Values', '# --- End'];

function withValues(values: Readonly<Record<string, string>>): string {
  const start = script.indexOf(blockStart);
  const end = script.indexOf(blockEnd);
  const assignments = Object.entries(values).map(([name, value]) => `${name}=${shellQuoted(value)}\n`);
  return `${script.slice(0, start)}# --- Values of the enrollment group.\n${assignments.join('')}${script.slice(end)}`;
}

/** A word of POSIX sh that means the value and nothing else, whatever it holds. */
const shellQuoted = (value: string) => `'${value.replaceAll("'", "'\\''")}'`;
