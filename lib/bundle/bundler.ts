import { FleetError } from '../errors.ts';
import { parseGroupDefinition } from '../groups/definition.ts';
import type { DeviceIdentity } from '../pki/device-issuer.ts';
import { edgeCaCommonName } from '../pki/edge-ca.ts';
import { bundleOptionsIssues } from './check-group.ts';
import { createDeviceCheck } from './device-check.ts';
import { createSeal } from './seal.ts';
import { createTarTemplate } from './tar.ts';
import { configPath, targetFiles } from './target-files.ts';
import type { BundleOptions, DeviceSlot } from './targets.ts';

/** Makes the bundles of one group. */
export interface Bundler {
  /** Of a bundle, as HTTP serves it. */
  readonly mediaType: string;
  /** Of a bundle's file name, after the device id. */
  readonly fileExtension: string;
  /**
   * What the device installs: a tar.gz of the target's files, sealed where the group says so.
   * @throws FleetError `bundle-invalid` where it would not work on the device
   */
  bundle(device: { readonly deviceId: string; readonly identity: DeviceIdentity }): Buffer | Promise<Buffer>;
}

/**
 * Lays out all that the devices of a group share, once.
 * @throws FleetError `group-invalid` with every fault, where no bundle of the group could work
 */
export async function createBundler(given: BundleOptions): Promise<Bundler> {
  const { id, ...declared } = given.group;
  // A definition that an earlier release stored lacks what could not be declared then.
  const options = { ...given, group: parseGroupDefinition(id, declared) };
  const { group, chainPem } = options;
  refuseFaults(options);
  const template = createTarTemplate<DeviceSlot>(targetFiles(options));
  const check = createDeviceCheck(group, chainPem[0] ?? options.rootPem, idInConfiguration[configPath(group.target)]);
  const sealed = group.keyCustody === 'sealed';
  const seal = sealed ? createSeal(group.recipients) : undefined;

  return {
    mediaType: sealed ? 'application/cms' : 'application/gzip',
    fileExtension: sealed ? '.tar.gz.cms' : '.tar.gz',

    bundle({ deviceId, identity }) {
      const { edgeCa } = identity;
      const archive = template.fill(deviceId, {
        id: deviceId,
        identity: identity.certificatePem,
        identityKey: identity.privateKeyPem ?? '',
        edgeCa: edgeCa?.certificatePem ?? '',
        edgeCaKey: edgeCa?.privateKeyPem ?? '',
        estEdgeCaName: group.edgeCa === 'est' ? edgeCaCommonName(deviceId) : '',
      });
      check(deviceId, identity, archive);
      return seal === undefined ? archive : seal(archive);
    },
  };
}

/** How each configuration says whose it is. */
const idInConfiguration = {
  'config.toml': (deviceId: string) => `registration_id = "${deviceId}"`,
  'config.yaml': (deviceId: string) => `registration_id: "${deviceId}"`,
  'device.json': (deviceId: string) => `"registrationId": "${deviceId}"`,
};

function refuseFaults(options: BundleOptions): void {
  const faults = bundleOptionsIssues(options);
  if (faults.length > 0) throw FleetError.of('group-invalid', `The definition of group "${options.group.id}"`, faults);
}
