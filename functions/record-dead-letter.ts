import { app, type InvocationContext } from '@azure/functions';
import { asFleetError } from '../lib/errors.ts';
import { bodyText } from '../lib/jobs/messages.ts';
import { withLog } from '../lib/log.ts';
import { recordDeadLetter } from '../lib/pipeline/record-dead-letter.ts';
import { poisonQueue, queueNames } from '../lib/resource-names.ts';
import { logTo } from './log.ts';
import { waitAsAsked } from './queue-message.ts';
import { services } from './services.ts';

// One function a poison queue. No retry policy: the host repeats a message of a poison queue until it is recorded.
for (const queue of queueNames) {
  app.storageQueue(`record-dead-letter-${queue}`, {
    queueName: poisonQueue(queue),
    connection: 'AzureWebJobsStorage',
    handler: async (message: unknown, context: InvocationContext) => {
      const log = logTo(context);
      const work = () => recordDeadLetter(queue, bodyText(message), services());
      try {
        const { code, message: reason } = await withLog(log, work);
        log.error('dead letter recorded', { queue, code, reason });
      } catch (error) {
        await waitAsAsked(asFleetError(error));
        throw error;
      }
    },
  });
}
