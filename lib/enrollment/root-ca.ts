/** The root of the fleet. One at a time: groups keep the chain of the one that signed them. */
export interface RootCa {
  readonly certificatePem: string;
  /** Name of its key in the key store; absent where the key is kept elsewhere, and issuing CAs are signed there. */
  readonly keyName?: string;
  /** Where DPS knows it as verified; absent until an operator has seen to it (npm run ca -- register). */
  readonly registration?: CaRegistration;
}

/** That DPS holds a CA certificate, verified, under a name. */
export interface CaRegistration {
  readonly name: string;
  readonly at: string;
}
