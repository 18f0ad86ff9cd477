import { app, type InvocationContext, type Timer } from '@azure/functions';
import { expiringCertificates } from '../lib/authorities/expiry.ts';
import { withLog } from '../lib/log.ts';
import { reconcileRegistrations } from '../lib/pipeline/reconcile-registrations.ts';
import { logTo } from './log.ts';
import { services } from './services.ts';

/** Time enough to make a new CA, tell DPS, and bring devices that are rarely on line to renew. */
const noticeDays = 60;

app.timer('reconcile-registrations', {
  schedule: '%RECONCILE_SCHEDULE%',
  handler: async (_timer: Timer, context: InvocationContext) => {
    const log = logTo(context);
    const groups = [...(await services().groups.directory()).values()].map(({ value }) => value);
    // infra/azure/app/alerts.bicep waits for this line.
    for (const ending of expiringCertificates(groups, services().now(), noticeDays)) {
      log.warn('certificate ending', { ...ending });
    }
    const changed = await withLog(log, () => reconcileRegistrations({ ...services(), log }));
    if (changed > 0) log.info('registrations reconciled', { changed });
  },
});
