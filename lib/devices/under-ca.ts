/**
 * The devices that need a CA of their group to register with DPS. A device is in one of the first four counts at most. Those
 * that were revoked, scrapped or deleted are in none. Certificates that have ended do not count, nor does the bundle of a row that
 * failed.
 */
export interface UnderCa {
  /** Their present identity is of the CA, and a registration with it was seen. */
  readonly notRenewed: DevicesUnderCa;
  /** They registered with an identity of the CA, and not yet with the present one, which is of another CA. */
  readonly notConfirmed: DevicesUnderCa;
  /** Their present identity is of the CA. It was issued since `issuedSince`, and no registration with it was seen. */
  readonly notInstalled: DevicesUnderCa;
  /** The same, issued before. */
  readonly pastShelfLife: DevicesUnderCa;
  /** Live certificates of kind `est-id`, with which gateways sign in to the EST server. Counted one by one. */
  readonly estIds: DevicesUnderCa;
}

export interface DevicesUnderCa {
  readonly devices: number;
  /** The last end of their certificates of the CA: ISO 8601, UTC. Absent when there are none. */
  readonly until?: string;
  /** When the last of these certificates was issued: ISO 8601, UTC. Only for `notInstalled`. */
  readonly lastIssued?: string;
}

/** A CA, and the times that count. Texts of ISO 8601, UTC, with milliseconds, so that they sort by time. */
export interface CaInUse {
  readonly enrollmentGroup: string;
  /** Certificates without a generation, of earlier versions, count as of this CA: ask for the oldest one that DPS has. */
  readonly generation: number;
  /** Now. */
  readonly at: string;
  /** Bundles that were issued before and not installed are past their shelf life. */
  readonly issuedSince: string;
}
