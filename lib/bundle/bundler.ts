import { FleetError } from '../errors.ts';
import { type GroupDefinition, parseGroupDefinition } from '../groups/definition.ts';
import type { DeviceIdentity } from '../pki/device-issuer.ts';
import { edgeCaCommonName } from '../pki/edge-ca.ts';
import { bundleFiles } from './bundle-files.ts';
import { checkConfiguration, checkGroup } from './check-group.ts';
import { createIdentityCheck, refusal } from './check-identity.ts';
import type { VerifierGroup } from './dps-decision.ts';
import { createSeal } from './seal.ts';
import { createTarTemplate, type SlotValue } from './tar.ts';
import { type BundleOptions, type DeviceSlot, issuersOf } from './targets.ts';
import { verifyBundle } from './verify-bundle.ts';

/** Makes the bundles of one group. */
export interface Bundler {
  /** Media type of a bundle, as HTTP serves it. */
  readonly mediaType: string;
  /** The end of a bundle's file name, after the device id: `.tar.gz` or `.tar.gz.cms`. */
  readonly fileExtension: string;
  /**
   * Makes the bundle of one device: a tar.gz of the target's files, sealed where the group says so. The keys of the identity
   * stay as they are; what else is made of them on the way is zeroed.
   * @throws FleetError `bundle-invalid` when it would not work on the device
   */
  bundle(device: { readonly deviceId: string; readonly identity: DeviceIdentity }): Buffer;
}

/**
 * Opens a group: lays out everything that the bundles of its devices share.
 *
 * No bundle is handed out unchecked. A bundle is a template with values filled in at fixed places, and the places are
 * fixed by the lengths of the values. So the first bundle of each combination of lengths is verified as a whole
 * (verify-bundle.ts); that decides for all others like it. What is left to differ is whether the values belong together,
 * and that is checked for every device (check-identity.ts).
 *
 * @throws FleetError `group-invalid` with every fault, when no bundle of the group could work
 */
export async function createBundler(given: BundleOptions): Promise<Bundler> {
  const { id, ...declared } = given.group;
  // A definition that an earlier release stored lacks the settings that are newer.
  const options = { ...given, group: parseGroupDefinition(id, declared, { privateUrls: 'stored' }) };
  const { group, rootPem, now } = options;
  const issuers = issuersOf(options);
  const issues = [...checkGroup(group, now, { chainPem: issuers, rootPem }), ...checkConfiguration(options)];
  if (issues.length > 0) throw FleetError.of('group-invalid', `The definition of group "${id}"`, issues);
  const template = createTarTemplate<DeviceSlot>(bundleFiles(options), createFirstBundleCheck(options));
  const checkIdentity = createIdentityCheck(group, issuers[0] ?? rootPem);
  const sealed = group.keyCustody === 'sealed';
  const seal = sealed ? createSeal(group.recipients) : undefined;

  return {
    mediaType: sealed ? 'application/cms' : 'application/gzip',
    fileExtension: sealed ? '.tar.gz.cms' : '.tar.gz',

    bundle({ deviceId, identity }) {
      checkIdentity(deviceId, identity);
      const archive = template.fill(deviceId, slotValues(deviceId, identity, group));
      if (seal === undefined) return archive;
      try {
        return seal(archive);
      } finally {
        archive.fill(0);
      }
    },
  };
}

function slotValues(
  deviceId: string,
  { certificatePem, privateKeyPem, notAfter, edgeCa }: DeviceIdentity,
  group: GroupDefinition,
): Record<DeviceSlot, SlotValue> {
  return {
    id: deviceId,
    ends: notAfter.toISOString().slice(0, 'yyyy-mm-dd'.length),
    identity: certificatePem,
    identityKey: privateKeyPem ?? '',
    edgeCa: edgeCa?.certificatePem ?? '',
    edgeCaKey: edgeCa?.privateKeyPem ?? '',
    estEdgeCaName: group.edgeCa === 'est' ? edgeCaCommonName(deviceId) : '',
  };
}

/** Makes the check of the first bundle of each layout. @returns a function that throws FleetError `bundle-invalid` */
function createFirstBundleCheck({ group: { id }, chainPem, rootPem, now }: BundleOptions) {
  // Whether DPS has the group enabled at this moment is not a property of the bundle.
  const group: VerifierGroup = {
    id,
    enrollment: 'group',
    provisioningStatus: 'enabled',
    issuingCas: [{ certificatePem: chainPem[0] ?? rootPem, chainPem: [...chainPem.slice(1), rootPem] }],
  };
  return (archive: Buffer, { id: deviceId }: Readonly<Record<DeviceSlot, SlotValue>>): void => {
    const { checks, dps } = verifyBundle(archive, [group], now);
    const faults = checks.flatMap(({ fault }) => fault ?? []);
    if (!dps.accepted) faults.push(`DPS would answer ${dps.text}`);
    if (faults.length > 0) throw refusal(String(deviceId), faults.join('; '));
  };
}
