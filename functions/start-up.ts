import { app } from '@azure/functions';
import { startUpCheck } from './start-up-check.ts';

// Not waited for: an instance takes its first message while the check still runs.
app.hook.appStart(() => {
  void startUpCheck();
});
