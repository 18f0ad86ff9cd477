/**
 * CA certificates that DPS knows by name (the management side of DPS, not its service API).
 * Adapter: lib/azure/dps-certificates.ts. Every method throws FleetError `throttled`, `unavailable`,
 * `ca-refused` (with DPS's answer) or `concurrent-change` (somebody else changed the certificate meanwhile).
 */
export interface CaRegistry {
  /** All of them, verified or not. */
  list(): Promise<RegisteredCa[]>;
  /**
   * Uploads a certificate under a new name, or again under that of `known`.
   * @param options `vouched`: DPS takes it for verified without a proof
   */
  upload(
    name: string,
    certificatePem: string,
    options: { vouched: boolean; known?: RegisteredCa },
  ): Promise<RegisteredCa>;
  /** A new code for the proof of possession; one that was given before is void from then on. */
  verificationCode(ca: RegisteredCa): Promise<{ code: string; ca: RegisteredCa }>;
  /** Shows the proof: a certificate whose common name is the code, signed by the CA. */
  verify(ca: RegisteredCa, proofPem: string): Promise<RegisteredCa>;
}

export interface RegisteredCa {
  readonly name: string;
  /** SHA-1, upper-case hex: DPS names certificates so here. */
  readonly sha1Thumbprint: string;
  readonly isVerified: boolean;
  readonly etag: string;
}
