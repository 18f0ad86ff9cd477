import { app, type InvocationContext, type Timer } from '@azure/functions';
import { hasWaitingEntries, sequenceAudit } from '../lib/audit/sequencer.ts';
import { withLog } from '../lib/log.ts';
import { announceLostUploads } from '../lib/pipeline/announce-lost-uploads.ts';
import { deleteExpired } from '../lib/pipeline/delete-expired.ts';
import { resumeFleetActs } from '../lib/pipeline/fleet-acts.ts';
import { noticeJobs } from '../lib/pipeline/notice-jobs.ts';
import { reconcileRegistrations } from '../lib/pipeline/reconcile-registrations.ts';
import { sendEvents } from '../lib/pipeline/send-events.ts';
import { resumeBlocks } from '../lib/pipeline/settle-block.ts';
import { settleDelegatedCas } from '../lib/pipeline/settle-delegated-cas.ts';
import { sweep } from '../lib/pipeline/sweep.ts';
import { warnOfExpiringCertificates } from '../lib/pipeline/warn-of-expiring-certificates.ts';
import { readSweepSchedule } from './config.ts';
import type { DpsInstance } from './dps-services.ts';
import { logTo } from './log.ts';
import { services } from './services.ts';
import { sweepPorts } from './sweep-ports.ts';

app.timer('reconcile-registrations', {
  schedule: '%RECONCILE_SCHEDULE%',
  handler: async (_timer: Timer, context: InvocationContext) => {
    const log = logTo(context);
    const given = services();
    await withLog(log, async () => {
      const resumed = await resumeBlocks(given);
      if (resumed > 0) log.warn('blocks resumed', { devices: resumed });
      const acts = await resumeFleetActs(given);
      if (acts > 0) log.warn('acts on many devices resumed', { acts });
      const { lost, closed, removed } = await settleDelegatedCas(given);
      if (lost + closed + removed > 0) log.info('delegated CAs settled', { lost, closed, removed });
      await noticeJobs(given);
      await warnOfExpiringCertificates(given);
      const changed = await reconcileRegistrations(given);
      if (changed > 0) log.info('registrations reconciled', { changed });
    });
  },
});

app.timer('sweep', { schedule: readSweepSchedule(), handler: sweepTimer({ begin: true }) });

// A sweep of a large fleet takes several runs.
app.timer('continue-sweep', { schedule: '%RECONCILE_SCHEDULE%', handler: sweepTimer({ begin: false }) });

function sweepTimer(options: { readonly begin: boolean }) {
  return async (_timer: Timer, context: InvocationContext) => {
    const log = logTo(context);
    const given = services();
    const sweepOne = (instance: DpsInstance) =>
      instance.sweepLock.tryRun(async () => {
        const figures = await sweep(sweepPorts(given, instance), options);
        if (figures !== undefined) log.info('sweep ended', { dps: instance.name, ...figures });
      });
    const announceLost = async () => {
      const uploads = await announceLostUploads(given);
      if (uploads > 0) log.warn('lost uploads announced', { uploads });
    };
    const expire = async () => {
      const { devices, jobs } = await deleteExpired(given, given.retention);
      if (devices + jobs > 0) log.info('expired records deleted', { devices, jobs });
    };
    await withLog(log, async () => {
      // One that fails does not end the others.
      const sweeps = given.dps.instances.map(sweepOne);
      const results = await Promise.allSettled(options.begin ? [...sweeps, announceLost(), expire()] : sweeps);
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    });
  };
}

/** An event is durable with its fact. A minute is how late it is sent. */
app.timer('send-events', {
  schedule: '30 * * * * *',
  handler: async (_timer: Timer, context: InvocationContext) => {
    const log = logTo(context);
    const { events, eventLock } = services();
    await withLog(log, async () => {
      await eventLock.tryRun(async () => {
        const sent = await sendEvents(events);
        if (sent > 0) log.info('events sent', { sent });
      });
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
