import { app } from '@azure/functions';
import { parseEnrollmentMessage } from '../lib/jobs/messages.ts';
import { runExclusively } from '../lib/lock.ts';
import { enrollIndividuals } from '../lib/pipeline/enroll-devices.ts';
import { queues } from '../lib/resource-names.ts';
import { onMessage } from './queue-message.ts';

app.storageQueue('enroll-individuals', {
  queueName: queues.enrollments,
  connection: 'AzureWebJobsStorage',
  handler: onMessage(queues.enrollments, async (body, services) => {
    const message = parseEnrollmentMessage(body);
    // DPS has one quota for all instances, and host.json no way to say "one at a time" of one function.
    const { turn, enrollmentQueue: queue, secondsAChunk: secondsEach } = services;
    const work = () => enrollIndividuals(message, services);
    await runExclusively(message, work, { turn, queue, secondsEach, random: Math.random });
  }),
});
