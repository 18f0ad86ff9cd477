import { FleetError } from '../errors.ts';
import type { Authority } from '../pki/issuer.ts';
import type { LocalSigner } from '../pki/key-store.ts';
import type { DelegatedCa, DelegatedCaEnd } from './delegated-ca.ts';

/** A delegated CA whose key this process has. */
export interface OpenDelegatedCa {
  /** Its serial number, as `DelegatedCa.id`. */
  readonly id: string;
  readonly certificatePem: string;
  /** Signs until the CA has ended; then it throws FleetError `concurrent-change`, and the work is done again with another CA. */
  readonly authority: Authority;
  /** Notes that work begins with it. @returns false when it is about to end: open another one */
  use(): boolean;
}

/** The same, as its pool has it. */
export interface HeldDelegatedCa extends OpenDelegatedCa {
  /** Milliseconds until it is due to end if it is not used again; 0 or less when it is due. */
  dueIn(): number;
  /** Why it is due. */
  dueReason(): DelegatedCaEnd['reason'];
  /** Its group has another one now: it ends soon after its last use. */
  supersede(): void;
  /** Drops the key. @returns the certificates that it has signed; undefined when it had ended already */
  drop(): number | undefined;
}

/** Milliseconds without a use after which the key is dropped. */
const idleMs = 5 * 60 * 1000;

/** The same once its group has another one: time for the chunks in work. */
const supersededIdleMs = 60 * 1000;

/** Milliseconds before `signsUntil` in which no work begins, so that what has begun can end. A group stays open for as long. */
const lastUseMs = 5 * 60 * 1000;

/**
 * Holds the key of a delegated CA. It is in the closure of `held.signer` and nowhere else: it is not part of a record, and nothing
 * exports it. When that signer is dropped, OpenSSL overwrites the key as the garbage collector frees it.
 */
export function holdDelegatedCa(
  record: DelegatedCa,
  certificatePem: string,
  held: { readonly signer: LocalSigner; readonly chainPem: readonly string[]; readonly now: () => Date },
): HeldDelegatedCa {
  const { chainPem, now } = held;
  const signsUntil = Date.parse(record.signsUntil);
  let signer: LocalSigner | undefined = held.signer;
  const { publicKey } = signer;
  let certificates = 0;
  let usedAt = now().getTime();
  let isSuperseded = false;

  const idleAfter = () => usedAt + (isSuperseded ? supersededIdleMs : idleMs);

  function sign(data: Uint8Array): Uint8Array {
    const at = now().getTime();
    if (signer === undefined || at >= signsUntil)
      throw new FleetError('concurrent-change', `Delegated CA ${record.id} has ended. The work is done again.`);
    usedAt = at;
    certificates += 1;
    return signer.sign(data);
  }

  return {
    id: record.id,
    certificatePem,
    authority: { certificatePem, chainPem, signer: { isLocal: true, keyType: 'ec-p256', publicKey, sign } },

    use() {
      const at = now().getTime();
      if (signer === undefined || at >= signsUntil - lastUseMs || at >= idleAfter()) return false;
      usedAt = at;
      return true;
    },

    dueIn: () => Math.min(signsUntil, idleAfter()) - now().getTime(),

    dueReason() {
      if (isSuperseded) return 'group-changed';
      return now().getTime() >= signsUntil ? 'age' : 'idle';
    },

    supersede() {
      isSuperseded = true;
    },

    drop() {
      if (signer === undefined) return undefined;
      signer = undefined;
      return certificates;
    },
  };
}
