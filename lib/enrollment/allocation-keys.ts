import { createHash } from 'node:crypto';
import { FleetError } from '../errors.ts';
import type { SecretStore } from '../events/webhook.ts';
import { type AllocationKey, keyDigest } from '../groups/allocation-hook.ts';
import { urlIssue } from '../groups/url-rule.ts';
import type { GroupEnrollment } from './enrollments.ts';

/** Bytes of a key. */
const keyBytes = 32;

/** The keys of the webhooks by which DPS asks this app (`allocation` "orchestrator"): their values, in the secret store. */
export interface AllocationKeys {
  /** The address of the webhook of a group, without a key. @returns undefined when this app does not know its own address */
  url(groupId: string): string | undefined;
  /**
   * Makes a key and stores its value. A crash before the key is on record leaves a secret that nothing uses.
   * @throws FleetError `throttled`, `unavailable`, `setting-invalid`
   */
  make(groupId: string, generation: number): Promise<AllocationKey>;
  /** @returns the value; undefined when the store has lost it. @throws FleetError as `make` */
  read(key: AllocationKey): Promise<string | undefined>;
  /** Removes the values of keys that nothing uses any more. @throws FleetError as `make` */
  drop(keys: readonly AllocationKey[]): Promise<void>;
}

export interface AllocationKeysOptions {
  /** Address of this app, without a slash at its end. Absent: not known. */
  readonly apiUrl: string | undefined;
  /** Whether it may be on this machine, as `urlIssue` takes it. */
  readonly allowPrivate: boolean;
  readonly secrets: SecretStore;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly now: () => Date;
}

export function createAllocationKeys(options: AllocationKeysOptions): AllocationKeys {
  const { apiUrl, allowPrivate, secrets, randomBytes, now } = options;
  return {
    url(groupId) {
      const url = `${apiUrl}/api/allocations/${groupId}`;
      return apiUrl === undefined || urlIssue(url, { allowPrivate }) !== undefined ? undefined : url;
    },

    async make(groupId, generation) {
      const value = Buffer.from(randomBytes(keyBytes)).toString('base64url');
      // A vault takes fewer characters than a group's id, and keeps the names of deleted secrets.
      const group = createHash('sha256').update(groupId).digest('hex').slice(0, 16);
      const secret = `allocation-${group}-${Buffer.from(randomBytes(8)).toString('hex')}`;
      await secrets.set(secret, value);
      return { generation, secret, sha256: keyDigest(value), createdAt: now().toISOString() };
    },

    read: ({ secret }) => secrets.get(secret),

    async drop(keys) {
      for (const { secret } of keys) await secrets.remove(secret);
    },
  };
}

/** The group with the key in the URL of its webhook, as only DPS gets it. */
export function withAllocationKey(wanted: GroupEnrollment, key: string): GroupEnrollment {
  const { customAllocation } = wanted.definition;
  if (customAllocation === undefined) return wanted;
  const webhookUrl = `${customAllocation.webhookUrl}?code=${encodeURIComponent(key)}`;
  return { ...wanted, definition: { ...wanted.definition, customAllocation: { ...customAllocation, webhookUrl } } };
}

/** The error without the query of the group's webhook, which is often a key: DPS may repeat what it was sent. */
export function withoutWebhookQuery(error: unknown, { definition }: GroupEnrollment): unknown {
  const [, query = ''] = definition.customAllocation?.webhookUrl.split('?') ?? [];
  if (!(error instanceof FleetError) || query === '' || !error.message.includes(query)) return error;
  return new FleetError(error.code, error.message.replaceAll(query, '****'));
}

/** The error of a key whose value is gone. */
export function keyGone(groupId: string): FleetError {
  return new FleetError(
    'group-refused',
    `The allocation key of group "${groupId}" is not in the secret store. Run fleet group rotate-allocation-key ${groupId}.`,
  );
}
