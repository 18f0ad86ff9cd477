/** How much a finding matters. `critical`: someone who should be refused can get in, or did. */
export type Severity = (typeof severities)[number];
export const severities = ['critical', 'high', 'medium', 'low'] as const;

/**
 * `self`: the sweep repairs it at once. `asked`: an operator asks for the repair. `none`: a person has to act elsewhere, and the
 * finding ends when the next sweep does not see it.
 */
export type RepairPolicy = 'self' | 'asked' | 'none';

/** What a finding is about. */
export type SubjectType = (typeof subjectTypes)[number];
export const subjectTypes = ['device', 'group', 'ca', 'archive'] as const;

interface KindDefinition {
  readonly severity: Severity;
  readonly subject: SubjectType;
  readonly repair: RepairPolicy;
  /** What is wrong, and what follows from it. */
  readonly meaning: string;
  /** What a repair does, or what a person does where there is none. */
  readonly remedy: string;
}

const kinds = {
  'group-missing': {
    severity: 'high',
    subject: 'group',
    repair: 'self',
    meaning: 'DPS does not have the enrollment group. It refuses every device of the group (401002).',
    remedy: 'Writes the group to DPS again, as declared.',
  },
  'group-changed': {
    severity: 'medium',
    subject: 'group',
    repair: 'asked',
    meaning: 'The enrollment group in DPS has other settings than declared.',
    remedy: 'Writes the group to DPS again, as declared.',
  },
  'group-other-ca': {
    severity: 'critical',
    subject: 'group',
    repair: 'asked',
    meaning:
      'The enrollment group in DPS trusts other CAs than ours. Devices with certificates of those CAs can register.',
    remedy: 'Writes the group to DPS again, with its issuing CAs.',
  },
  'group-foreign': {
    severity: 'high',
    subject: 'group',
    repair: 'none',
    meaning: 'DPS has an enrollment group of this id that this deployment did not create.',
    remedy: 'Delete it in DPS, or declare the group with adopt=true.',
  },
  'enrollment-missing': {
    severity: 'high',
    subject: 'device',
    repair: 'none',
    meaning: 'DPS does not have the individual enrollment of the device. It refuses the device.',
    remedy: 'Submit the row of the device again with onConflict=reissue.',
  },
  'enrollment-foreign': {
    severity: 'high',
    subject: 'device',
    repair: 'none',
    meaning: 'DPS has an individual enrollment under the id of the device that this deployment did not write.',
    remedy:
      'Delete it in DPS. If the device belongs to a group with individual enrollments, submit its row with adopt=true.',
  },
  'enrollment-changed': {
    severity: 'medium',
    subject: 'device',
    repair: 'none',
    meaning: 'The individual enrollment in DPS has other settings than its group declares.',
    remedy: 'Correct it in DPS, or submit the row of the device again with onConflict=reissue.',
  },
  'block-missing': {
    severity: 'critical',
    subject: 'device',
    repair: 'self',
    meaning: 'The entry in DPS that blocks the device is gone or enabled. The device can register again.',
    remedy: 'Blocks the device in DPS again.',
  },
  'block-left': {
    severity: 'high',
    subject: 'device',
    repair: 'none',
    meaning: 'An entry in DPS blocks a device that is in use. DPS refuses the device.',
    remedy: 'Delete the individual enrollment of the device in DPS.',
  },
  'ca-block-missing': {
    severity: 'critical',
    subject: 'ca',
    repair: 'self',
    meaning:
      'The enrollment group in DPS that blocks a delegated CA is gone or enabled. With the key of that CA, devices can be forged that register.',
    remedy: 'Blocks the CA in DPS again.',
  },
  'enabled-though-revoked': {
    severity: 'critical',
    subject: 'device',
    repair: 'self',
    meaning: 'The identity of a revoked or suspended device is enabled at its hub.',
    remedy: 'Disables the identity at the hub again.',
  },
  'unknown-certificate': {
    severity: 'critical',
    subject: 'device',
    repair: 'none',
    meaning: 'The device connects with a certificate that its record does not name.',
    remedy: 'Find out who issued it. Revoke the device if you cannot explain it.',
  },
  'superseded-certificate': {
    severity: 'medium',
    subject: 'device',
    repair: 'none',
    meaning: 'The device still uses a certificate that a newer one has superseded.',
    remedy: 'Install the newer bundle on the device.',
  },
  'other-hub': {
    severity: 'medium',
    subject: 'device',
    repair: 'none',
    meaning: 'DPS assigned the device to a hub that its group does not name.',
    remedy: 'Let the device register again, or declare the group with that hub.',
  },
  'identity-elsewhere': {
    severity: 'medium',
    subject: 'device',
    repair: 'none',
    meaning: 'A hub has an identity of the device, and DPS assigned the device to another hub.',
    remedy: 'Delete the identity at that hub, which `seen` names, if you cannot explain it.',
  },
  'identity-missing': {
    severity: 'high',
    subject: 'device',
    repair: 'none',
    meaning: 'DPS assigned the device to a hub, and the hub does not have it. The device cannot connect.',
    remedy: 'Let the device register again: restart it, or IoT Edge on it.',
  },
  'identity-disabled': {
    severity: 'high',
    subject: 'device',
    repair: 'none',
    meaning: 'The identity of a device in use is disabled at its hub. The device cannot connect.',
    remedy:
      'Find out who disabled it and why: `seen` has the reason that the hub has. Enable it at the hub, or suspend the device here.',
  },
  'registration-missing': {
    severity: 'low',
    subject: 'device',
    repair: 'none',
    meaning: 'DPS has no registration of a device that it assigned to a hub. The device works until it asks DPS again.',
    remedy: 'Let the device register again, or accept the finding.',
  },
  'tags-differ': {
    severity: 'low',
    subject: 'device',
    repair: 'asked',
    meaning: 'Tags of the twin differ from the row of the device. Deployments may target other devices than intended.',
    remedy: 'Merges the tags of the row into the twin again.',
  },
  'other-authentication': {
    severity: 'critical',
    subject: 'device',
    repair: 'none',
    meaning:
      'The hub does not authenticate the device by the thumbprint of its certificate, but by a shared access key (SAS), for example.',
    remedy: 'Let the device register again, which sets its certificate. Then find out who changed the identity.',
  },
  'registered-unknown': {
    severity: 'high',
    subject: 'device',
    repair: 'none',
    meaning: 'A device registered by one of our enrollment groups, and there is no record of it.',
    remedy: 'Find out who issued its certificate. Disable the device at its hub.',
  },
  'ca-ending': {
    severity: 'high',
    subject: 'ca',
    repair: 'none',
    meaning: 'A CA certificate of the group has ended or ends soon. Devices whose chain has ended cannot register.',
    remedy: 'Roll the group over.',
  },
  'certificate-ending': {
    severity: 'medium',
    subject: 'device',
    repair: 'none',
    meaning: 'The certificate of the device has ended or ends soon, and there is no newer one.',
    remedy:
      'Submit the row of the device again with onConflict=reissue. `fleet renewals reissue GROUP` does so for all devices of a group that do not renew by themselves.',
  },
  'renewal-late': {
    severity: 'high',
    subject: 'device',
    repair: 'none',
    meaning:
      'The device should have renewed its identity by itself, and two more attempts have failed too. It cannot connect once its certificate has ended.',
    remedy:
      'Find out whether it is online and what its journal says of the EST server (`sudo iotedge system logs`). If it cannot renew, submit its row again with onConflict=reissue, and install the bundle.',
  },
  'renews-too-often': {
    severity: 'medium',
    subject: 'device',
    repair: 'none',
    meaning:
      'The device asks the EST server for more certificates than it can need, and the server refuses it. It may be installed again and again, or another machine may have its key.',
    remedy:
      'Look at its journal. Revoke the device if you cannot explain it. The finding ends when the device has not been refused for a day.',
  },
  'archive-missing': {
    severity: 'medium',
    subject: 'archive',
    repair: 'none',
    meaning: 'The archive with bundles of devices is gone. These bundles cannot be downloaded.',
    remedy: 'Restore the blob in the container bundles, or submit the rows again with onConflict=reissue.',
  },
} as const satisfies Record<string, KindDefinition>;

export type FindingKind = keyof typeof kinds;

/** Every kind, in the order above. */
export const findingKinds = Object.keys(kinds) as readonly FindingKind[];

/** @returns what a kind means, and what is done about it */
export function definitionOf(kind: FindingKind): KindDefinition {
  return kinds[kind];
}

/** @returns the kind that the id of a finding begins with; undefined for other text */
export function kindIn(findingId: string): FindingKind | undefined {
  const [kind = ''] = findingId.split('.', 1);
  return findingKinds.find((each) => each === kind);
}
