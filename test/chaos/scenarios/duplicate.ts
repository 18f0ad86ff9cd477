import { QueueServiceClient } from '@azure/storage-queue';
import { type ChaosStack, withChaosStack } from '../chaos-stack.ts';
import { createDuplicator } from '../duplicator.ts';
import { declareGroups, groups, queueOf, settled, upload } from '../fleet.ts';
import { checkInvariants } from '../invariants.ts';
import { makeManifest, rowsOfOrder } from '../manifests.ts';
import type { Random } from '../random.ts';
import type { Scenario } from '../scenario.ts';

const sizes = { short: { rows: 200, orderRows: 50 }, long: { rows: 3_000, orderRows: 500 } };

/** Every message is delivered up to three times, late and out of order. Upload events and orders are sent three times. */
export const duplicate: Scenario = async ({ random, scale }) => {
  const { rows, orderRows } = sizes[scale];
  let connectionString = '';
  const duplicator = createDuplicator({
    random: random.fork('copies'),
    queueOf: (name) => QueueServiceClient.fromConnectionString(connectionString).getQueueClient(name),
    latestSeconds: 8,
  });
  const options = {
    ...{ hosts: 2, leaseSeconds: 5 },
    interfere: { queues: duplicator.interfere },
    settings: { CHUNK_ROWS: '25', DPS_OPERATIONS_PER_MINUTE: '60000' },
    dpsArguments: ['--operations-per-minute', '60000'],
  };
  return withChaosStack(options, async (chaos) => {
    connectionString = chaos.stack.storageConnectionString;
    await declareGroups(chaos);
    const manifest = makeManifest(random, { rows, prefix: 'twice', groups: [...groups.byCa, groups.individual] });
    const etag = await upload(chaos, 'list.csv', manifest.csv);
    for (let time = 0; time < 2; time++)
      await announce(chaos, random, 'list.csv', etag, Buffer.byteLength(manifest.csv));

    const order = {
      ...{ orderId: 'PO-1', enrollmentGroup: groups.byCa[0] },
      range: { prefix: 'ordered-', start: 1, count: orderRows, width: 5 },
    };
    const other = { ...order, range: { ...order.range, count: orderRows + 1 } };
    const orders = queueOf(chaos, 'orders');
    for (let time = 0; time < 3; time++)
      await orders.sendMessage(JSON.stringify(order), { visibilityTimeout: time === 0 ? 0 : random.between(1, 6) });
    for (let time = 0; time < 2; time++)
      await orders.sendMessage(JSON.stringify(other), { visibilityTimeout: random.between(7, 9) });

    const jobs = await settled(chaos, 3);
    const report = await checkInvariants(chaos, [
      { name: 'list.csv', rows: manifest.rows },
      { name: 'PO-1', rows: rowsOfOrder(order) },
    ]);
    const refused = jobs.filter(({ status }) => status === 'failed').length;
    const problems =
      refused === 1 && jobs.length === 3
        ? []
        : [`${jobs.length} jobs, ${refused} of them refused, of one manifest and one order`];
    return { problems: [...report.problems, ...problems], metrics: { ...duplicator.metrics, ...report.metrics } };
  });
};

/** Sends the event of an upload again, as Event Grid can. https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage */
async function announce(
  chaos: ChaosStack,
  random: Random,
  name: string,
  eTag: string,
  contentLength: number,
): Promise<void> {
  const event = {
    topic: '/subscriptions/0/resourceGroups/local/providers/Microsoft.Storage/storageAccounts/devstoreaccount1',
    subject: `/blobServices/default/containers/manifests/blobs/${name}`,
    eventType: 'Microsoft.Storage.BlobCreated',
    eventTime: new Date().toISOString(),
    id: `again-${random.between(0, 1e9)}`,
    data: {
      api: 'PutBlob',
      eTag,
      contentType: 'text/csv',
      contentLength,
      blobType: 'BlockBlob',
      url: `${chaos.stack.urls.blobs}/manifests/${name}`,
    },
    dataVersion: '',
    metadataVersion: '1',
  };
  const body = Buffer.from(JSON.stringify(event)).toString('base64');
  await queueOf(chaos, 'manifest-uploads').sendMessage(body, { visibilityTimeout: random.between(0, 10) });
}
