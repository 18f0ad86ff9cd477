import { app, type InvocationContext, type Timer } from '@azure/functions';
import { withLog } from '../lib/log.ts';
import { reconcileRegistrations } from '../lib/pipeline/reconcile-registrations.ts';
import { resumeBlocks } from '../lib/pipeline/settle-block.ts';
import { warnOfExpiringCertificates } from '../lib/pipeline/warn-of-expiring-certificates.ts';
import { logTo } from './log.ts';
import { services } from './services.ts';

app.timer('reconcile-registrations', {
  schedule: '%RECONCILE_SCHEDULE%',
  handler: async (_timer: Timer, context: InvocationContext) => {
    const log = logTo(context);
    const given = services();
    await withLog(log, async () => {
      const resumed = await resumeBlocks(given);
      if (resumed > 0) log.warn('blocks resumed', { devices: resumed });
      await warnOfExpiringCertificates(given);
      const changed = await reconcileRegistrations(given);
      if (changed > 0) log.info('registrations reconciled', { changed });
    });
  },
});
