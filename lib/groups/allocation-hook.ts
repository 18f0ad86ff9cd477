import { createHash, timingSafeEqual } from 'node:crypto';

/*
 * The webhook by which DPS asks this app about each registration of a group with `allocation` "orchestrator", and the keys that
 * it sends. DPS can prove itself by the query of the URL only.
 * https://learn.microsoft.com/azure/iot-dps/concepts-custom-allocation
 */

/** The webhook of a group, as its record has it. */
export interface AllocationHook {
  /** The address that DPS calls, without the key. */
  readonly url: string;
  /** Newest first. DPS has the newest, or is about to get it. Calls with older ones can be under way. */
  readonly keys: readonly [AllocationKey, ...AllocationKey[]];
  /** Since when DPS asks about each registration: ISO 8601, UTC, by the clock of this app. Absent until DPS has the webhook. */
  readonly since?: string;
}

export interface AllocationKey {
  /** 1 for the first one. Each rotation adds 1. */
  readonly generation: number;
  /** Its name in the secret store. */
  readonly secret: string;
  /**
   * SHA-256 of the key, hex. The key has 256 random bits, so its digest tells nothing about it, and a registration does not wait
   * for the secret store.
   */
  readonly sha256: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** When DPS had accepted it: ISO 8601, UTC. */
  readonly writtenAt?: string;
}

/** Milliseconds for which a key is good after DPS has a newer one: calls with it can be under way. */
const overlapMs = 60 * 60 * 1000;

/** SHA-256 of a key, hex, as `AllocationKey` has it. */
export const keyDigest = (key: string): string => createHash('sha256').update(key).digest('hex');

/**
 * Whether a caller has a key of the webhook that is good now. The time that it takes does not depend on the text.
 * @param given the key that the caller sent
 */
export function acceptsKey(hook: AllocationHook, given: string, at: Date): boolean {
  const digest = Buffer.from(keyDigest(given), 'hex');
  let accepted = false;
  for (const key of validKeys(hook, at)) {
    if (timingSafeEqual(digest, Buffer.from(key.sha256, 'hex'))) accepted = true;
  }
  return accepted;
}

/** The keys that are good: the newest, and each for an hour after DPS has accepted a newer one. */
export function validKeys({ keys }: AllocationHook, at: Date): readonly AllocationKey[] {
  return keys.filter((_, index) => {
    const newer = keys.slice(0, index).flatMap(({ writtenAt }) => writtenAt ?? []);
    const replacedAt = Math.min(...newer.map((time) => Date.parse(time)));
    return at.getTime() < replacedAt + overlapMs;
  });
}

/** Keys of a webhook: the newest and those that it replaced within an hour. */
const maxKeys = 10;

/**
 * The webhook with another key. Those before stay while they are good.
 * @returns also the keys that were dropped
 */
export function withNewKey(
  hook: AllocationHook,
  key: AllocationKey,
  at: Date,
): { readonly hook: AllocationHook; readonly dropped: readonly AllocationKey[] } {
  const kept = validKeys(hook, at).slice(0, maxKeys - 1);
  return { hook: { ...hook, keys: [key, ...kept] }, dropped: hook.keys.filter((each) => !kept.includes(each)) };
}

/** The webhook with the note that DPS has accepted a key. */
export function withWrittenKey(hook: AllocationHook, { generation }: AllocationKey, at: string): AllocationHook {
  const noted = (key: AllocationKey) =>
    key.generation === generation ? { ...key, writtenAt: key.writtenAt ?? at } : key;
  const [newest, ...older] = hook.keys;
  return { ...hook, keys: [noted(newest), ...older.map(noted)], since: hook.since ?? at };
}
