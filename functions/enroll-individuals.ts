import { app } from '@azure/functions';
import { parseEnrollmentMessage } from '../lib/jobs/messages.ts';
import { inTurn } from '../lib/lock.ts';
import { enrollIndividuals } from '../lib/pipeline/enroll-devices.ts';
import { onMessage } from './queue-message.ts';

app.storageQueue('enroll-individuals', {
  queueName: 'individual-enrollments',
  connection: 'AzureWebJobsStorage',
  handler: onMessage('individual-enrollments', async (body, services) => {
    const message = parseEnrollmentMessage(body);
    // DPS has one quota for all instances, and host.json no way to say "one at a time" of one function.
    const { turn, enrollmentQueue: queue, secondsAChunk: secondsEach } = services;
    const work = () => enrollIndividuals(message, services);
    await inTurn(message, work, { turn, queue, secondsEach, random: Math.random });
  }),
});
