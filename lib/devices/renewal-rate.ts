/** Counts what the devices of a group ask for, over all instances of the app. Adapter: lib/azure/cosmos-renewal-rate.ts. */
export interface RenewalRate {
  /**
   * Counts one more in this window.
   * @param window windows since 1970
   * @returns how many there are in it now
   * @throws FleetError `throttled`, `unavailable`
   */
  count(enrollmentGroup: string, window: number): Promise<number>;
}
