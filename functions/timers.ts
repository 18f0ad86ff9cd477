import { app, type InvocationContext, type Timer } from '@azure/functions';
import { hasWaitingEntries, sequenceAudit } from '../lib/audit/sequencer.ts';
import { withLog } from '../lib/log.ts';
import { reconcileRegistrations } from '../lib/pipeline/reconcile-registrations.ts';
import { warnOfExpiringCertificates } from '../lib/pipeline/warn-of-expiring-certificates.ts';
import { logTo } from './log.ts';
import { services } from './services.ts';

app.timer('reconcile-registrations', {
  schedule: '%RECONCILE_SCHEDULE%',
  handler: async (_timer: Timer, context: InvocationContext) => {
    const log = logTo(context);
    const given = services();
    await withLog(log, async () => {
      await warnOfExpiringCertificates(given);
      const changed = await reconcileRegistrations(given);
      if (changed > 0) log.info('registrations reconciled', { changed });
    });
  },
});

/** Entries are durable when they are in the intake. A minute is how late they are in the log. */
app.timer('sequence-audit', {
  schedule: '0 * * * * *',
  handler: async (_timer: Timer, context: InvocationContext) => {
    const log = logTo(context);
    const { auditLog, auditLock } = services();
    await withLog(log, async () => {
      if (!(await hasWaitingEntries(auditLog))) return;
      await auditLock.tryRun(async () => {
        const added = await sequenceAudit(auditLog);
        log.info('audit entries sequenced', { added });
      });
    });
  },
});
