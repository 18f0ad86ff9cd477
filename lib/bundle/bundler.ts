import type { DeviceIdentity } from '../pki/device-identity.ts';
import { type BundleOptions, type DeviceSlot, pemBundle } from './bundle-files.ts';
import { createSeal } from './seal.ts';
import { createTarTemplate } from './tar-template.ts';
import { targetFiles } from './target-files.ts';

/** Makes the bundles of one group. */
export interface Bundler {
  /** Of a bundle, as HTTP serves it. */
  readonly mediaType: string;
  /** Of a bundle's file name, after the device id. */
  readonly fileExtension: string;
  /**
   * What the device installs: a tar of the target's files, sealed where the group says so.
   * @throws FleetError `bundle-invalid` where it would not work on the device
   */
  bundle(device: { readonly deviceId: string; readonly identity: DeviceIdentity }): Buffer | Promise<Buffer>;
}

/**
 * Lays out all that the devices of a group share, once.
 * @throws FleetError `group-invalid` with every fault, where no bundle of the group could work
 */
export async function createBundler(options: BundleOptions): Promise<Bundler> {
  const { group, chainPem } = options;
  const template = createTarTemplate<DeviceSlot>(targetFiles(options));
  const issuers = pemBundle(chainPem);
  const sealed = group.keyCustody === 'sealed';
  const seal = sealed ? createSeal(group.recipients) : undefined;

  return {
    mediaType: sealed ? 'application/cms' : 'application/x-tar',
    fileExtension: sealed ? '.tar.cms' : '.tar',

    bundle({ deviceId, identity }) {
      const edgeCa = identity.edgeCa;
      const tar = template.fill(deviceId, {
        id: deviceId,
        identityChain: identity.certificatePem + issuers,
        identityKey: identity.privateKeyPem ?? '',
        edgeCaChain: edgeCa === undefined ? '' : edgeCa.certificatePem + issuers,
        edgeCaKey: edgeCa?.privateKeyPem ?? '',
        estEdgeCaName: '',
      });
      return seal === undefined ? tar : seal(tar);
    },
  };
}
