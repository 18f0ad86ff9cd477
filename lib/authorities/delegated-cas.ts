import { generateKeyPairSync } from 'node:crypto';
import { serviceActor } from '../access/act.ts';
import { type Audit, audited } from '../audit/audit.ts';
import { certificateSha256 } from '../audit/certificates.ts';
import { asFleetError, FleetError } from '../errors.ts';
import type { IssuingCa } from '../groups/group.ts';
import { currentLog, type Log, withLog } from '../log.ts';
import { delegatedCaSignsMs, delegatedCaValidity, issueDelegatedCa } from '../pki/authority.ts';
import { newSerialNumber } from '../pki/serial.ts';
import { journaledSigner } from '../pki/signing-journal.ts';
import { createSoftwareSigner } from '../pki/software-key-store.ts';
import { maxCommonNameLength } from '../pki/x509.ts';
import { currentTraceId } from '../telemetry.ts';
import type { CertificateAuthority } from './certificate-authority.ts';
import { changeDelegatedCa, type DelegatedCa, type DelegatedCaEnd, type DelegatedCaStore } from './delegated-ca.ts';
import { type HeldDelegatedCa, holdDelegatedCa, type OpenDelegatedCa } from './held-delegated-ca.ts';

/** What a delegated CA is made for. Two requests that are equal share one. */
export interface DelegatedCaRequest {
  readonly enrollmentGroup: string;
  readonly issuingCa: IssuingCa;
  /** How many CAs it has to allow below it (`pathLengthOf`). The issuing CA has to allow one more. */
  readonly pathLength: number;
  /** Life of the certificates that it signs, in days. */
  readonly validityDays: number;
}

/** The delegated CAs of this process: one per group, made at its first use, and shared by all chunks in work. */
export interface DelegatedCas {
  /**
   * The delegated CA for these certificates, ready to sign. The issuing CA signs it if this process has none, or one that is
   * about to end.
   * @throws FleetError as opening and using the issuing CA: `ca-key-unusable`, `certificate-rule`, `throttled`, `unavailable`;
   * `concurrent-change` when it was blocked while it was made
   */
  open(request: DelegatedCaRequest): Promise<OpenDelegatedCa>;
  /** Drops the key of a delegated CA, and records why. One that this process does not have stays as it is. Does not throw. */
  end(id: string, reason: DelegatedCaEnd['reason']): Promise<void>;
  /** Drops all keys, and makes no more: the process ends. Does not throw. */
  close(): Promise<void>;
}

export interface DelegatedCasOptions {
  readonly authority: Pick<CertificateAuthority, 'open'>;
  readonly store: DelegatedCaStore;
  readonly audit: Audit;
  /** Names this process: host and process id. */
  readonly worker: string;
  readonly now: () => Date;
  /** Runs work later. It must not keep the process alive. @returns a function that cancels it */
  readonly later: (milliseconds: number, work: () => void) => () => void;
  /** File that gets a line per signature, for tests (lib/pki/signing-journal.ts). */
  readonly journal?: string | undefined;
  /** For what happens outside of an invocation. */
  readonly log: Log;
}

/**
 * Makes delegated CAs and holds them. A Key Vault then signs once for an hour of work of a process: a vault signs 200 (HSM) to 400
 * times in a second (learn.microsoft.com/azure/key-vault/general/service-limits), and charges for each.
 *
 * The key is made in this process, stays in its memory, and is dropped after five minutes without a use, after an hour, at the end
 * of the process, within a minute of its last use when the group has another issuing CA or other settings that it depends on, and
 * when it is blocked. Making one:
 *
 * | | step | a crash after it leaves |
 * | --- | --- | --- |
 * | 1 | Open the issuing CA; make the key. | nothing |
 * | 2 | Write the intent to the audit trail, with the serial number. | an intent without a result; nothing is signed |
 * | 3 | Create the record. | a record without a certificate; nothing is signed |
 * | 4 | The issuing CA signs. | the same. The certificate was in memory, and its key is gone with the process |
 * | 5 | Put the certificate on the record. | a record with a certificate that has signed nothing |
 * | 6 | Write the result to the audit trail. | a delegated CA that can sign no more. What it signed is in the entries of its chunks |
 * | 7 | Drop the key. | the same: the key is gone either way |
 * | 8 | Record why, and how many certificates it signed. | the whole record |
 *
 * So a crash leaves nothing that can sign. A record without `ended` after `signsUntil` is one of a process that died; a sweep
 * notes it as `lost`. If a step fails, the key is dropped, the record ends as `not-made`, and the error goes to the chunk: its
 * message is delivered again, as where the issuing CA signs directly and its vault throttles.
 */
export function createDelegatedCas(options: DelegatedCasOptions): DelegatedCas {
  const { authority, store, audit, worker, now, later, log, journal } = options;
  /** By what they are made for: those that are handed out. */
  const current = new Map<string, Slot>();
  /** By id: those whose key is in memory. */
  const held = new Map<string, HeldDelegatedCa>();
  const cancels = new Map<string, () => void>();
  let isClosed = false;

  async function make(request: DelegatedCaRequest): Promise<HeldDelegatedCa> {
    const { issuingCa, pathLength, validityDays } = request;
    const issuer = await authority.open(issuingCa);
    const key = createSoftwareSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'ec-p256');
    const at = now();
    const validity = delegatedCaValidity(at, validityDays, issuer);
    const record = recordOf(request, { worker, at, validity });
    const { id, commonName } = record;
    const act = {
      action: 'create-delegated-ca',
      by: serviceActor,
      subject: { enrollmentGroup: request.enrollmentGroup, caGeneration: issuingCa.generation, delegatedCa: id },
      trace: currentTraceId(),
      details: { worker, commonName, notAfter: record.notAfter, signsUntil: record.signsUntil },
    } as const;
    return audited(audit, act, async (note) => {
      const etag = await store.create(record);
      if (etag === undefined) throw new FleetError('concurrent-change', `Serial number ${id} was used before.`);
      try {
        const content = {
          issuer,
          commonName,
          publicKey: key.publicKey,
          pathLength,
          serialNumber: id,
          now: at,
          ...validity,
        };
        const certificatePem = await issueDelegatedCa(content);
        note({ caSha256: certificateSha256(certificatePem), issuerSha256: certificateSha256(issuer.certificatePem) });
        const signed = await store.replace({ value: { ...record, certificatePem }, etag });
        if (signed === undefined) throw new FleetError('concurrent-change', `Delegated CA ${id} was blocked.`);
        const chainPem = [issuer.certificatePem, ...issuer.chainPem];
        const signer = journal === undefined ? key : journaledSigner(`delegated-${id}`, key, journal);
        return holdDelegatedCa(record, certificatePem, { signer, chainPem, now });
      } catch (error) {
        await noteEnd(id, { at: now().toISOString(), reason: 'not-made', certificates: 0 });
        throw error;
      }
    });
  }

  /** A record that cannot be written now stays without its end, and a sweep gives it one. */
  async function noteEnd(id: string, ended: DelegatedCaEnd): Promise<void> {
    try {
      await changeDelegatedCa(id, store, (ca) => ({ ...ca, ended }));
    } catch (error) {
      const { code, message: reason } = asFleetError(error);
      currentLog().warn('end of a delegated CA not recorded', { delegatedCa: id, why: ended.reason, code, reason });
    }
  }

  async function end(id: string, reason: DelegatedCaEnd['reason']): Promise<void> {
    const certificates = held.get(id)?.drop();
    held.delete(id);
    for (const [name, { ca }] of current) if (ca?.id === id) current.delete(name);
    cancels.get(id)?.();
    cancels.delete(id);
    if (certificates === undefined) return;
    currentLog().info('delegated CA ended', { delegatedCa: id, why: reason, certificates });
    await noteEnd(id, { at: now().toISOString(), reason, certificates });
  }

  function watch(ca: HeldDelegatedCa): void {
    const look = () => {
      if (ca.dueIn() > 0) watch(ca);
      else void withLog(log, () => end(ca.id, ca.dueReason()));
    };
    cancels.set(ca.id, later(Math.max(0, ca.dueIn()), look));
  }

  /** The chunks in work of the group may still use the one before. */
  function supersede(group: string, name: string): void {
    for (const [otherName, { enrollmentGroup, ca }] of current) {
      if (enrollmentGroup !== group || otherName === name || ca === undefined) continue;
      current.delete(otherName);
      ca.supersede();
      cancels.get(ca.id)?.();
      watch(ca);
    }
  }

  async function keep(slot: Slot, made: Promise<HeldDelegatedCa>): Promise<HeldDelegatedCa> {
    const ca = await made;
    held.set(ca.id, ca);
    if (isClosed) {
      await end(ca.id, 'shutdown');
      throw closing();
    }
    slot.ca = ca;
    watch(ca);
    return ca;
  }

  return {
    async open(request) {
      if (isClosed) throw closing();
      const name = nameOf(request);
      const known = current.get(name);
      // While it is made, all that ask for it wait for the same one.
      if (known?.opened !== undefined && (known.ca === undefined || known.ca.use())) return known.opened;
      const slot: Slot = { enrollmentGroup: request.enrollmentGroup };
      current.set(name, slot);
      supersede(request.enrollmentGroup, name);
      slot.opened = keep(slot, make(request));
      slot.opened.catch(() => current.get(name) === slot && current.delete(name));
      return slot.opened;
    },

    end,

    async close() {
      isClosed = true;
      await Promise.all([...held.keys()].map((id) => end(id, 'shutdown')));
    },
  };
}

/** A delegated CA, or the work of making it. */
interface Slot {
  readonly enrollmentGroup: string;
  opened?: Promise<HeldDelegatedCa>;
  /** Absent while it is made. */
  ca?: HeldDelegatedCa;
}

const closing = () => new FleetError('unavailable', 'This process ends, and makes no delegated CA any more.');

function nameOf({ enrollmentGroup, issuingCa, pathLength, validityDays }: DelegatedCaRequest): string {
  return [enrollmentGroup, certificateSha256(issuingCa.certificatePem), pathLength, validityDays].join(' ');
}

function recordOf(
  { enrollmentGroup, issuingCa }: DelegatedCaRequest,
  {
    worker,
    at,
    validity,
  }: { readonly worker: string; readonly at: Date; readonly validity: ReturnType<typeof delegatedCaValidity> },
): DelegatedCa {
  return {
    id: newSerialNumber(),
    enrollmentGroup,
    caGeneration: issuingCa.generation,
    worker,
    commonName: commonNameOf(enrollmentGroup, worker, at),
    reservedAt: at.toISOString(),
    notBefore: validity.notBefore.toISOString(),
    notAfter: validity.notAfter.toISOString(),
    signsUntil: new Date(at.getTime() + delegatedCaSignsMs).toISOString(),
  };
}

/** Characters of the time in a common name, such as `20261128T091500Z`. */
const timeLength = 16;
/** Characters of the worker in a common name. Its end tells processes of one host apart. */
const workerLength = 16;
/** Characters of the group in a common name: the rest. */
const groupLength = maxCommonNameLength - timeLength - workerLength - 2;

/**
 * The name of a delegated CA: its group, the end of its worker's name, and when it was made.
 * @example
 * commonNameOf('line7', 'host-1-4711', new Date()) // 'line7 host-1-4711 20261128T091500Z'
 */
function commonNameOf(group: string, worker: string, at: Date): string {
  const time = at.toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return [group.slice(0, groupLength), worker.slice(-workerLength), time].join(' ');
}
