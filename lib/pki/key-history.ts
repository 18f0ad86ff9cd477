import { brokenRule } from './broken-rule.ts';

/** Remembers which device has which key. */
export interface KeyHistory {
  /**
   * A key belongs to one device: two with one key can pose as each other. The same device with its key again is fine, as
   * when a chunk is delivered twice.
   * @throws FleetError `certificate-rule` (rule `key-reuse`)
   */
  remember(subjectKeyIdentifier: Buffer, deviceId: string): void;
}

/** Two halves of this many keys are kept, the older one dropped when the newer is full: some 20 MB at the most. */
const halfCapacity = 65_536;

export function createKeyHistory(): KeyHistory {
  let newer = new Map<string, string>();
  let older = new Map<string, string>();
  return {
    remember(subjectKeyIdentifier, deviceId) {
      const id = subjectKeyIdentifier.toString('latin1');
      const known = newer.get(id) ?? older.get(id);
      if (known !== undefined && known !== deviceId)
        throw brokenRule('key-reuse', `its key is that of "${known}" too; every device needs a key of its own`);
      if (newer.size >= halfCapacity) {
        older = newer;
        newer = new Map();
      }
      newer.set(id, deviceId);
    },
  };
}
