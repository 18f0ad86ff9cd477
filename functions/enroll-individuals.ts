import { app } from '@azure/functions';
import { parseEnrollmentMessage } from '../lib/jobs/messages.ts';
import { runExclusively } from '../lib/lock.ts';
import { enrollDevices } from '../lib/pipeline/enroll-devices.ts';
import { queues } from '../lib/resource-names.ts';
import { onMessage } from './queue-message.ts';

app.storageQueue('enroll-individuals', {
  queueName: queues.enrollments,
  connection: 'AzureWebJobsStorage',
  handler: onMessage(queues.enrollments, async (body, services) => {
    const message = parseEnrollmentMessage(body);
    // DPS has one quota for all instances, and host.json no way to say "one at a time" of one function.
    const { enrollmentLock: lock, random, enrollmentQueue: queue, secondsAChunk: secondsEach } = services;
    const work = () => enrollDevices(message, services);
    await runExclusively(message, work, { lock, queue, secondsEach, random });
  }),
});
