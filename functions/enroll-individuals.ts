import { app } from '@azure/functions';
import { enrollIndividuals } from '../lib/enrollment/enroll-individuals.ts';
import { parseEnrollmentMessage } from '../lib/jobs/messages.ts';
import { onMessage } from './queue-message.ts';

app.storageQueue('enroll-individuals', {
  queueName: 'individual-enrollments',
  connection: 'AzureWebJobsStorage',
  handler: onMessage('individual-enrollments', (body, services) =>
    enrollIndividuals(parseEnrollmentMessage(body), services),
  ),
});
