/**
 * What an operator does to a device whose access has to end.
 *
 * `suspended`: can be undone. `revoked`: final; the device needs another id to join again. `scrapped`: final, and what the
 * device left in the hub, in DPS and in its archive is removed.
 */
export type BlockKind = (typeof blockKinds)[number];
export const blockKinds = ['suspended', 'revoked', 'scrapped'] as const;

/**
 * The ways by which a device or a caller gets in. `record`: reissue by a manifest. `enrollment`: registration with DPS. `hub`:
 * connection to its hub. `bundle`: download. `renewal`: new certificates by EST.
 */
export type BlockDoor = (typeof blockDoors)[number];
export const blockDoors = ['record', 'enrollment', 'hub', 'bundle', 'renewal'] as const;

/** Who asked for something, and why. */
export interface ReasonedAct {
  /** As `Act`. */
  readonly by: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly reason: string;
  /** The mark that the operation puts on the doors outside: in DPS, and as `statusReason` in the hub. */
  readonly mark: string;
}

/** The same, for one device of several. */
export interface BlockAct extends ReasonedAct {
  /** The act on many devices that asked for it. */
  readonly fleetAct?: string;
}

/** The block of a device: what is to be closed, and how far that is. */
export interface DeviceBlock extends BlockAct {
  readonly kind: BlockKind;
  /** The status that a restore gives back. */
  readonly from: 'provisioned' | 'assigned' | 'failed';
  /** Marks by which a door outside is known as closed by this deployment: of this and of earlier operations. */
  readonly marks: readonly string[];
  /** When each door was read back as closed: ISO 8601, UTC. A door that is missing is not closed. */
  readonly doors: Readonly<Partial<Record<BlockDoor, string>>>;
  /**
   * When every door was first read back as closed: ISO 8601, UTC. The event of that names it, so it stays when a door is found open
   * and closed again.
   */
  readonly closedAt?: string;
  /** Why a door is not closed yet, where that is known. */
  readonly notYet?: Readonly<Partial<Record<BlockDoor, string>>>;
  /** The restore that is opening the doors, or has opened them. */
  readonly undo?: BlockAct;
  /**
   * When the doors are looked at again: ISO 8601, UTC. A registration that DPS accepted just before it was closed can still
   * write the identity to the hub. Absent once they were found as they should be a second time.
   */
  readonly lookAgainAt?: string;
}

/** The doors outside as they were read. */
export interface DoorsSeen {
  readonly enrollment: DoorSeen;
  readonly hub: DoorSeen;
}

export type DoorSeen = { readonly closed: true } | { readonly closed: false; readonly why: string };
