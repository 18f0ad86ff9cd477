import { generateKeyPairSync } from 'node:crypto';
import type { AuditEntry } from '../../../lib/audit/entry.ts';
import { createAudit } from '../../../lib/audit/intake.ts';
import { type SequencerPorts, sequenceAudit } from '../../../lib/audit/sequencer.ts';
import { type Verification, type VerifyOptions, verifyLog } from '../../../lib/audit/verify.ts';
import { createSoftwareSigner } from '../../../lib/pki/software-key-store.ts';
import { createMemoryAppendBlobs } from '../../memory/append-blobs.ts';
import { createMemoryBlobStore } from '../../memory/blob-store.ts';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const logSigner = createSoftwareSigner(privateKey, 'ec-p256');
export const logOrigin = 'fleet.example/audit';

/** An audit trail in memory. */
export function createLog({ blocks = 50_000 } = {}) {
  const segments = createMemoryAppendBlobs({ blocks });
  const log = segments.store;
  const head = createMemoryBlobStore();
  let ids = 0;
  const newAudit = () =>
    createAudit({ segments, head, now: () => new Date('2026-11-27T10:00:00Z'), newId: () => `id-${++ids}` });
  const audit = newAudit();
  const ports: SequencerPorts = { log, head, signer: async () => logSigner, origin: logOrigin };
  return {
    log,
    head,
    segments,
    audit,
    newAudit,
    ports,
    /** Writes entries to the intake, and takes them into the log. */
    async grow(entries: number, { sequence = true } = {}): Promise<void> {
      for (let count = 0; count < entries; count++)
        await audit.intent({ action: 'delete-device', by: 'Ada (1)', subject: { deviceId: `gw-${ids}` } });
      if (sequence) await sequenceAudit(ports);
    },
    verify(options: Partial<VerifyOptions> = {}): Promise<Verification> {
      const copies = [...log.blobs.keys()].flatMap((name) => /^checkpoints\/(\d+)$/.exec(name)?.[1] ?? []);
      return verifyLog({ log, head, publicKey: logSigner.publicKey, copies: copies.map(Number), ...options });
    },
    async entries(): Promise<AuditEntry[]> {
      const found: AuditEntry[] = [];
      await this.verify({ onEntry: (entry) => void found.push(entry) });
      return found;
    },
  };
}
