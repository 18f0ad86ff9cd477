import { app, type InvocationContext, type Timer } from '@azure/functions';
import { reconcileRegistrations } from '../lib/enrollment/reconcile-registrations.ts';
import { logTo } from './log.ts';
import { services } from './services.ts';

app.timer('reconcile-registrations', {
  schedule: '%RECONCILE_SCHEDULE%',
  handler: async (_timer: Timer, context: InvocationContext) => {
    const log = logTo(context);
    const changed = await reconcileRegistrations({ ...services(), log });
    if (changed > 0) log.info('registrations reconciled', { changed });
  },
});
