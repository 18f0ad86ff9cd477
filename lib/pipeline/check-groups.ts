import { caKeyOf } from '../authorities/certificate-authority.ts';
import { FleetError } from '../errors.ts';
import { alternativeNamesOf } from '../groups/alternative-names.ts';
import { edgeCaOf } from '../groups/definition.ts';
import { defaultDps, dpsOf } from '../groups/dps-instance.ts';
import type { GroupRecord, IssuingCa } from '../groups/group.ts';
import { issuanceOf } from '../groups/issuance.ts';
import { renewalPaceOf } from '../groups/validity-jitter.ts';
import type { GroupWork } from '../jobs/estimate.ts';
import { alternativeNameOfRow } from '../pki/alternative-name.ts';
import {
  checkRequest,
  createDeviceIssuer,
  createKeyOwners,
  type DeviceIssueRequest,
  type KeyOwners,
} from '../pki/device-issuer.ts';
import type { Authority } from '../pki/issuer.ts';
import type { Versioned } from '../storage.ts';

/** One enrollment group, ready to check what would be issued. Its CA key is not opened. */
export interface CheckedGroup {
  /** What one device of the group takes. */
  readonly perDevice: Omit<GroupWork, 'devices' | 'newDevices'>;
  /**
   * Checks all that issuing checks of a row.
   * @returns the identifier of the key in its request; undefined when it has no request
   * @throws FleetError `csr-invalid`, `certificate-rule`
   */
  check(request: DeviceIssueRequest): Promise<Buffer | undefined>;
}

export interface GroupChecksOptions {
  /** Rows of the list, which can have devices of several groups. */
  readonly listRows: number;
  /** Whether CA keys are in Key Vault. */
  readonly usesKeyVault: boolean;
  readonly now: () => Date;
}

/** Opens the groups of one list. A group stays open for the list, so that a key in two of its rows is found. */
export function createGroupChecks({ listRows, usesKeyVault, now }: GroupChecksOptions) {
  const opened = new Map<string, { readonly etag: string; readonly group: CheckedGroup }>();
  const ownersOf = new Map<string, KeyOwners>();

  function owners(id: string): KeyOwners {
    const known = ownersOf.get(id) ?? createKeyOwners();
    ownersOf.set(id, known);
    return known;
  }

  return {
    /** @throws FleetError `certificate-rule` when the CA of the group may not issue; `ca-key-unusable` */
    async open({ value, etag }: Versioned<GroupRecord>): Promise<CheckedGroup> {
      const known = opened.get(value.id);
      if (known?.etag === etag) return known.group;
      const group = openGroup(value, owners(value.id), { listRows, usesKeyVault, now: now() });
      opened.set(value.id, { etag, group });
      return group;
    },

    /** Notes that a device of the group has the key, where an earlier delivery has checked its row. */
    noteKey(id: string, deviceId: string, identifier: Buffer): void {
      owners(id).add(identifier, deviceId);
    },
  };
}

function openGroup(
  { id, definition, deviceScale = 0, issuingCas: [ca] }: GroupRecord,
  owners: KeyOwners,
  { listRows, usesKeyVault, now }: Omit<GroupChecksOptions, 'now'> & { readonly now: Date },
): CheckedGroup {
  const devices = Math.max(listRows, deviceScale);
  const edgeCa = edgeCaOf(definition);
  const keyType = ca === undefined ? definition.issuingCa.keyType : caKeyOf(ca.certificatePem).keyType;
  const perDevice = {
    certificatesPerDevice: edgeCa === undefined ? 1 : 2,
    rsa: keyType === 'rsa-4096',
    individual: definition.enrollment === 'individual',
    issuance: { enrollmentGroup: id, ...issuanceOf(definition, { usesKeyVault, issuingCa: ca }) },
    ...(dpsOf(definition) !== defaultDps && { dps: dpsOf(definition) }),
    renewals: { enrollmentGroup: id, ofDevices: devices, ...renewalPaceOf(definition, devices) },
  };
  const alternativeNames = alternativeNamesOf(definition);
  if (ca === undefined) {
    // The rules of a certificate are checked against its CA, which the first job of the group makes.
    const check = async ({ deviceId, csr }: DeviceIssueRequest) => {
      if (alternativeNames !== undefined) alternativeNameOfRow(alternativeNames, deviceId);
      return csr === undefined ? undefined : checkRequest({ deviceId, csr }, owners);
    };
    return { perDevice, check };
  }
  const issuer = createDeviceIssuer({
    issuer: withoutKey(ca),
    keyType: definition.keyType,
    validityDays: definition.validityDays,
    now,
    edgeCa,
    alternativeNames,
    owners,
  });
  return { perDevice, check: issuer.check };
}

/** The CA as far as its certificate shows it. */
function withoutKey({ certificatePem, chainPem }: IssuingCa): Authority {
  const { keyType, publicKey } = caKeyOf(certificatePem);
  const sign = () => {
    throw new FleetError('internal', 'A check was asked to sign.');
  };
  return { certificatePem, chainPem, signer: { isLocal: true, keyType, publicKey, sign } };
}
