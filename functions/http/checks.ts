import { actorName } from '../../lib/access/act.ts';
import { checkManifest } from '../../lib/pipeline/check-manifest.ts';
import { checkSchema, checkView } from './check-view.ts';
import { jobSchema, jobView } from './job-view.ts';
import {
  accepted,
  manifestBody,
  monitor,
  readingErrors,
  submissionErrors,
  submissionOf,
  submissionQuery,
} from './jobs.ts';
import { defineOperation } from './operation.ts';

const createCheck = defineOperation({
  id: 'create-check',
  method: 'POST',
  path: 'checks',
  summary: 'Check a manifest, and spend nothing',
  description:
    'Takes what `POST /api/jobs` takes, and answers what a job would make of it (docs/check.md). A list of at most 2,000 rows and 1 MiB is answered at once and not stored. A larger one becomes a dry run: a job that ends as `checked`.',
  role: 'submitter',
  perGroup: true,
  audited: false,
  query: submissionQuery,
  body: manifestBody,
  answers: {
    200: { description: 'What a job would make of the list.', schema: checkSchema },
    202: {
      description: 'The dry run. Its job has the answer once it is `checked`.',
      schema: jobSchema,
      headers: accepted,
    },
  },
  errors: [...submissionErrors, ...readingErrors],
  async handle({ query, body, request, services, caller }) {
    const found = await checkManifest(await submissionOf(query, body, request), services, actorName(caller));
    if ('checked' in found) return { status: 200, json: checkView(found.checked) };
    const { job } = found;
    return { status: 202, json: jobView(job, services.now()), headers: monitor(job) };
  },
});

export const checkOperations = [createCheck];
