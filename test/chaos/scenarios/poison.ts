import { type ChaosStack, withChaosStack } from '../chaos-stack.ts';
import { declareGroups, groups, patiently, post, queueOf, settled, upload } from '../fleet.ts';
import { closeBooks } from '../ledger.ts';
import { makeManifest } from '../manifests.ts';
import type { Answer, Interference } from '../proxy.ts';
import type { Scenario } from '../scenario.ts';

/** host.json, maxDequeueCount. */
const deliveries = 5;

const sizes = { short: { rows: 120 }, long: { rows: 1_000 } };

const chunkRows = 20;

/** Not a passing trouble, so that no client tries again by itself, and one delivery is one request. */
const forbidden: Answer = {
  status: 403,
  headers: { 'content-type': 'application/xml', 'x-ms-error-code': 'AuthorizationFailure' },
  body: Buffer.from('<?xml version="1.0"?><Error><Code>AuthorizationFailure</Code><Message>No.</Message></Error>'),
};

/**
 * Storage refuses the archive of one chunk, and Cosmos DB the record of another, however often they are asked. Both go to
 * the poison queue; the rows of the first come back with a retry, those of the second with a redrive.
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
    // The letter of the second chunk cannot be counted while its record cannot be read: it waits, and is not lost.
    await inPoison(chaos);
    const [during] = await chaos.observer.look();
    expect('status while a letter waits', during?.status, 'provisioning');
    refusing = false;
    const [job] = await settled(chaos, 1);
    expect('deliveries of the chunk without archive', archives, deliveries);
    expect('status', job?.status, 'completedWithErrors');
    expect('failed rows', job?.counts.failed, 2 * chunkRows);
    const errors = await patiently(() => chaos.api.getText(`jobs/${job?.jobId}/errors`));
    expect('reasons in the list of errors', errors.match(/gave-up/g)?.length, 2 * chunkRows);
    if (!errors.includes('Blob storage refuses'))
      problems.push(`the list of errors names no reason: ${errors.slice(0, 300)}`);

    await patiently(() => post(chaos, `jobs/${job?.jobId}/retry`));
    await settledWith(chaos, 0);
    const { redriven } = await post<{ redriven: number }>(chaos, 'dead-letters/redrive');
    expect('letters', redriven, 2);
    await settledWith(chaos, 0);
    const ledger = await closeBooks(chaos, [{ name: 'list.csv', rows: manifest.rows }]);
    return { problems: [...problems, ...ledger.problems], figures: { archives, ...ledger.figures } };
  });
};

/** Waits until a message stands on the poison queue that its function cannot work on, and the other one is done with. */
async function inPoison(chaos: ChaosStack): Promise<void> {
  const queue = queueOf(chaos, 'chunks-poison');
  await until(chaos, async () => {
    const { approximateMessagesCount = 0 } = await queue.getProperties();
    const [job] = await chaos.observer.look();
    return approximateMessagesCount === 1 && job?.counts.failed === chunkRows;
  });
}

async function settledWith(chaos: ChaosStack, failed: number): Promise<void> {
  await until(chaos, async () => (await chaos.observer.look())[0]?.counts.failed === failed);
  await settled(chaos, 1);
}

async function until({ observer }: ChaosStack, isSo: () => Promise<boolean>): Promise<void> {
  for (const since = Date.now(); !(await isSo()); await new Promise((resolve) => setTimeout(resolve, 100))) {
    if (Date.now() - since > 120_000)
      throw new Error(`It does not come to that: ${JSON.stringify(await observer.look())}`);
  }
}
