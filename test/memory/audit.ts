import type { Audit } from '../../lib/audit/audit.ts';
import type { AuditAct, AuditOutcome } from '../../lib/audit/entry.ts';
import { FleetError } from '../../lib/errors.ts';

/** An audit trail that a test can look into, and stop. */
export function createMemoryAudit() {
  const entries: ({ phase: 'intent' | 'result'; id: string } & AuditAct & Partial<AuditOutcome>)[] = [];
  let stopped = false;
  function write(entry: (typeof entries)[number]): void {
    if (stopped) throw new FleetError('unavailable', 'The audit trail takes no entries.');
    entries.push(entry);
  }
  const audit: Audit = {
    async intent(act) {
      const id = String(entries.length);
      write({ ...act, phase: 'intent', id });
      return { id, act };
    },
    async result({ id, act }, outcome) {
      write({ ...act, ...outcome, phase: 'result', id });
    },
  };
  return {
    ...audit,
    entries,
    stop(): void {
      stopped = true;
    },
    start(): void {
      stopped = false;
    },
  };
}
