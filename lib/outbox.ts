/** A queue to put messages on. Delivery is at least once and unordered, so every reader must bear repetition. */
export interface Outbox<Message> {
  /**
   * @param options.delaySeconds how long nobody receives them; at once without it
   * @throws FleetError `unavailable` or `throttled`; some messages may have been sent then
   */
  send(messages: Iterable<Message>, options?: { readonly delaySeconds?: number }): Promise<void>;
}
