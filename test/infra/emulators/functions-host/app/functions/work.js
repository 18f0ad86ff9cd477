import { appendFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { app } from '@azure/functions';

/** Writes one JSON line per event, for the test. */
const note = (what) => appendFile(process.env.NOTES, `${JSON.stringify({ pid: process.pid, ...what })}\n`);

let running = 0;

app.storageQueue('work', {
  queueName: '%WORK_QUEUE%',
  connection: 'AzureWebJobsStorage',
  handler: async (message, context) => {
    running += 1;
    await note({
      begin: message,
      times: context.triggerMetadata.dequeueCount,
      running,
      queue: context.triggerMetadata,
    });
    await sleep(message.milliseconds ?? 0);
    running -= 1;
    if (message.fails) throw new Error('fails on purpose');
    await note({ end: message });
  },
});

app.timer('tick', {
  schedule: '%TICK%',
  handler: async (timer) => note({ tick: timer.isPastDue, status: timer.scheduleStatus ?? null }),
});

app.hook.appTerminate(() => note({ goodbye: true }));
