import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CosmosClient } from '@azure/cosmos';
import { BlobServiceClient } from '@azure/storage-blob';
import { ProvisioningServiceClient } from 'azure-iot-provisioning-service';
import type { JobAnswer } from '../../infra/local/demo/api.ts';
import { iotClient } from '../../lib/azure/iot.ts';
import type { CheckSummary } from '../../lib/jobs/check.ts';
import { jobIdOf } from '../../lib/jobs/job.ts';
import { blobContainers, cosmosContainers } from '../../lib/resource-names.ts';
import { until } from '../until.ts';
import { manifestOf, startTestStack, type TestStack } from './test-stack.ts';

/* A check spends nothing, on the services that a job would use: nothing is there afterwards that was not there before. */

let fleet: TestStack;

before(async () => {
  fleet = await startTestStack({ settings: { CHUNK_ROWS: '10' } });
  await fleet.api.put('enrollment-groups/line7', { keyCustody: 'plain' });
  await fleet.api.put('enrollment-groups/singles', { keyCustody: 'plain', enrollment: 'individual' });
  await fleet.ended(await fleet.upload('line7/before.csv', manifestOf('dev', 3)));
});
after(() => fleet?.close());

const limit = { timeout: 120_000 };
type DryRun = JobAnswer & { readonly check?: CheckSummary };

/** All documents, blobs and entries of DPS, without the jobs and reports of checks. */
async function everything(): Promise<Record<string, unknown>> {
  const { cosmos, storageConnectionString } = fleet.stack;
  const client = new CosmosClient({ endpoint: cosmos.endpoint, key: cosmos.key });
  try {
    const database = client.database(cosmos.database);
    const found: Record<string, unknown> = {};
    for (const name of [cosmosContainers.devices, cosmosContainers.groups, cosmosContainers.deadLetters]) {
      found[name] = (await database.container(name).items.readAll().fetchAll()).resources;
    }
    const jobs = await database.container(cosmosContainers.jobs).items.readAll<{ jobId: string }>().fetchAll();
    found['jobs'] = jobs.resources.filter(({ jobId }) => !checks.has(jobId));
    const dps = iotClient(ProvisioningServiceClient, { connectionString: fleet.stack.dpsConnectionString });
    for (const query of [
      dps.createIndividualEnrollmentQuery({ query: '*' }),
      dps.createEnrollmentGroupQuery({ query: '*' }),
    ])
      found[`dps ${Object.keys(found).length}`] = (await query.next()).responseBody;
    const blobs = BlobServiceClient.fromConnectionString(storageConnectionString);
    for (const name of [blobContainers.manifests, blobContainers.bundles, blobContainers.reports]) {
      const names = [];
      for await (const blob of blobs.getContainerClient(name).listBlobsFlat())
        if (![...checks].some((id) => blob.name.startsWith(id)) && !manifests.has(blob.name)) names.push(blob.name);
      found[`${name} blobs`] = names;
    }
    return found;
  } finally {
    client.dispose();
  }
}

/** Jobs that are dry runs, and the manifests that they were made of. */
const checks = new Set<string>();
const manifests = new Set<string>();

function post(path: string, body: string): Promise<Response> {
  return fetch(`${fleet.stack.urls.functions}/api/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv', 'x-functions-key': fleet.stack.functionsKey },
    body,
  });
}

const list = `${manifestOf('dev', 25)}DEV-X,berlin,1\n`;

test('a small list is checked at once; submitted with its digest, it ends as the check says', limit, async () => {
  const state = await everything();
  const answer = await post('checks?enrollmentGroup=line7', list);
  assert.equal(answer.status, 200);
  const check = (await answer.json()) as CheckSummary & { rows: number };
  assert.deepEqual([check.rows, check.outcomes.new, check.outcomes.unchanged, check.outcomes.refused], [26, 22, 3, 1]);
  assert.equal(check.estimate.binding, 'hub');
  assert.deepEqual(await everything(), state);

  const changed = await post(`jobs?enrollmentGroup=line7&check=${check.digest}`, `${list}other-1,berlin,1\n`);
  assert.equal(changed.status, 412);
  assert.equal(((await changed.json()) as { title: string }).title, 'check-changed');
  assert.deepEqual(await everything(), state);

  const accepted = await post(`jobs?enrollmentGroup=line7&check=${check.digest}`, list);
  assert.equal(accepted.status, 202);
  const { jobId } = (await accepted.json()) as JobAnswer;
  const { counts } = await fleet.ended(jobId);
  assert.deepEqual([counts.provisioned, counts.unchanged, counts.rejected], [22, 3, 1]);
  const again = await post(`jobs?enrollmentGroup=line7&check=${check.digest}`, list);
  assert.equal(again.status, 412);
});

test('a blob with the metadata dryrun=true and an order with "dryRun": true end as checked', limit, async () => {
  const state = await everything();
  const name = 'singles/dry.csv';
  const blob = BlobServiceClient.fromConnectionString(fleet.stack.storageConnectionString)
    .getContainerClient('manifests')
    .getBlockBlobClient(name);
  const text = manifestOf('single', 12);
  const { etag = '' } = await blob.upload(text, text.length, { metadata: { dryrun: 'true' } });
  const jobId = jobIdOf({ blob: name, etag: etag.replaceAll('"', '') });
  const job = (await fleet.ended(jobId)) as DryRun;
  assert.deepEqual([job.status, job.check?.outcomes.new, job.check?.outcomes.refused], ['checked', 12, 0]);
  assert.match(await fleet.api.getText(`jobs/${jobId}/results`), /^2,single-1,new,singles,,,$/m);
  assert.deepEqual((await fleet.devicesOf(jobId)).flat(), []);

  const range = { prefix: 'order-', start: 1, count: 15, width: 3 };
  const order = { orderId: 'PO 1', enrollmentGroup: 'line7', range, dryRun: true };
  await fleet.queue('orders').sendMessage(JSON.stringify(order));
  const ordered = await until(async () => {
    const { jobs } = await fleet.api.get<{ jobs: DryRun[] }>('jobs?limit=1000');
    return jobs.find((each) => each.name === order.orderId && each.status === 'checked');
  });
  assert.equal(ordered.check?.outcomes.new, 15);
  checks.add(jobId).add(ordered.jobId);
  manifests.add(name);
  const { manifests: stored, ...rest } = await withoutOrders();
  assert.deepEqual(rest, (({ 'manifests blobs': _, ...before }) => before)(state));
  assert.equal(stored, 1);

  const answer = await post(`jobs/${jobId}/retry`, '');
  assert.equal(answer.status, 409);
});

/** Everything but manifests, and the number of manifests of checked orders. */
async function withoutOrders() {
  const { 'manifests blobs': names, ...rest } = await everything();
  return { ...rest, manifests: (names as string[]).filter((name) => name.startsWith('_orders/_checks/')).length };
}

test('a list that is too large to be checked at once becomes a dry run', limit, async () => {
  const answer = await post('checks?enrollmentGroup=line7', manifestOf('many', 2001));
  assert.equal(answer.status, 202);
  const jobId = answer.headers.get('location')?.replace('/api/jobs/', '') ?? '';
  const job = (await fleet.ended(jobId)) as DryRun;
  assert.deepEqual([job.status, job.check?.outcomes.new], ['checked', 2001]);
});
