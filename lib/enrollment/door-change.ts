/** A change to one door, made by one operation on one device. */
export interface DoorChange {
  /** Whether the door bears the mark of this deployment: only then is a closed door opened or marked again. */
  readonly isOwn: (mark: string) => boolean;
  /**
   * Asked after each read and before the write that follows. The write names the version that was read, so it fails when
   * anyone has changed the door since. It is not made when this returns false.
   */
  readonly mayWrite: () => Promise<boolean>;
}
