import { type ChaosStack, withChaosStack } from '../chaos-stack.ts';
import { declareGroups, groups, post, queueOf, settled, upload, withRetries } from '../fleet.ts';
import { checkInvariants } from '../invariants.ts';
import { makeManifest } from '../manifests.ts';
import type { Answer, Interference } from '../proxy.ts';
import type { Scenario } from '../scenario.ts';

/** host.json, maxDequeueCount. */
const deliveries = 5;

const sizes = { short: { rows: 120 }, long: { rows: 1_000 } };

const chunkRows = 20;

/** A permanent error, so that no client retries it, and one delivery makes one request. */
const forbidden: Answer = {
  status: 403,
  headers: { 'content-type': 'application/xml', 'x-ms-error-code': 'AuthorizationFailure' },
  body: Buffer.from('<?xml version="1.0"?><Error><Code>AuthorizationFailure</Code><Message>No.</Message></Error>'),
};

/**
 * Storage always refuses the archive of one chunk, and Cosmos DB the record of another. Both go to the poison queue. A retry
 * recovers the rows of the first, a redrive those of the second.
 */
export const poison: Scenario = async ({ random, scale }) => {
  const { rows } = sizes[scale];
  let refusing = true;
  let archives = 0;
  const noArchive: Interference = async ({ method, path }, forward) => {
    if (!refusing || method !== 'PUT' || !/\/bundles\/[0-9a-f]{24}\/chunk-00001\.zip/.test(path))
      return { answer: await forward() };
    archives += 1;
    return { answer: forbidden };
  };
  const noRecord: Interference = async ({ method, path }, forward) =>
    refusing && method === 'GET' && path.endsWith('/docs/chunk-00002')
      ? {
          answer: {
            ...forbidden,
            headers: { 'content-type': 'application/json' },
            body: Buffer.from('{"code":"Forbidden","message":"No."}'),
          },
        }
      : { answer: await forward() };
  const options = {
    interfere: { blobs: noArchive, cosmos: noRecord },
    settings: { CHUNK_ROWS: String(chunkRows), DPS_OPERATIONS_PER_MINUTE: '60000' },
  };
  return withChaosStack(options, async (chaos) => {
    await declareGroups(chaos);
    const manifest = makeManifest(random, { rows, prefix: 'poison', groups: groups.byCa, badRows: 0 });
    await upload(chaos, 'list.csv', manifest.csv);

    const problems: string[] = [];
    const expect = (what: string, found: unknown, expected: unknown) => {
      if (found !== expected) problems.push(`${what}: ${found} where ${expected} was expected`);
    };
    // The dead letter of the second chunk cannot be counted while its record cannot be read. It waits and is not lost.
    await inPoison(chaos);
    const [during] = await chaos.observer.observe();
    expect('status while a dead letter waits', during?.status, 'provisioning');
    refusing = false;
    const [job] = await settled(chaos, 1);
    expect('deliveries of the chunk without archive', archives, deliveries);
    expect('status', job?.status, 'completedWithErrors');
    expect('failed rows', job?.counts.failed, 2 * chunkRows);
    const errors = await withRetries(() => chaos.api.getText(`jobs/${job?.jobId}/errors`));
    expect('reasons in the error report', errors.match(/gave-up/g)?.length, 2 * chunkRows);
    if (!errors.includes('Blob storage refuses'))
      problems.push(`the error report has no reason: ${errors.slice(0, 300)}`);

    await withRetries(() => post(chaos, `jobs/${job?.jobId}/retry`));
    await settledWith(chaos, 0);
    // The retry has provisioned the rows of both letters: there is nothing to redrive.
    const { redriven, left } = await post<{ redriven: number; left: number }>(chaos, 'dead-letters/redrive');
    expect('redriven dead letters', redriven, 0);
    expect('dead letters left', left, 2);
    await settledWith(chaos, 0);
    const report = await checkInvariants(chaos, [{ name: 'list.csv', rows: manifest.rows }]);
    return { problems: [...problems, ...report.problems], metrics: { archives, ...report.metrics } };
  });
};

/** Waits until one message stays on the poison queue and the other is recorded. */
async function inPoison(chaos: ChaosStack): Promise<void> {
  const queue = queueOf(chaos, 'chunks-poison');
  await until(chaos, async () => {
    const { approximateMessagesCount = 0 } = await queue.getProperties();
    const [job] = await chaos.observer.observe();
    return approximateMessagesCount === 1 && job?.counts.failed === chunkRows;
  });
}

async function settledWith(chaos: ChaosStack, failed: number): Promise<void> {
  await until(chaos, async () => (await chaos.observer.observe())[0]?.counts.failed === failed);
  await settled(chaos, 1);
}

async function until({ observer }: ChaosStack, isSo: () => Promise<boolean>): Promise<void> {
  for (const since = Date.now(); !(await isSo()); await new Promise((resolve) => setTimeout(resolve, 100))) {
    if (Date.now() - since > 120_000)
      throw new Error(`Timeout after 120 s. Jobs: ${JSON.stringify(await observer.observe())}`);
  }
}
