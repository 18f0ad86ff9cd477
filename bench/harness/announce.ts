import { CosmosClient, type PluginConfig, PluginOn } from '@azure/cosmos';
import { createCosmosDeviceStore } from '../../lib/azure/cosmos-devices.ts';
import { createCosmosOutbox } from '../../lib/azure/cosmos-outbox.ts';
import type { DeviceRecord } from '../../lib/devices/device.ts';
import { deviceAssigned } from '../../lib/devices/device-events.ts';
import { cloudEvent, inMessages } from '../../lib/events/cloud-event.ts';
import { owe } from '../../lib/outbox.ts';
import type { BenchStack } from './bench-stack.ts';

/** What it costs to announce that a device was assigned, beyond recording it. Per device. */
export interface AnnouncementCost {
  readonly requestUnits: number;
  readonly cosmosRequests: number;
  /** Messages on the queue of events. */
  readonly messages: number;
}

const registration = {
  status: 'assigned',
  assignedHub: 'hub.azure-devices.net',
  at: '2026-11-27T18:00:00.000Z',
} as const;

/** Announces provisioned devices of the stack, and takes their events off again, with the code of the app. */
export async function announcementCost({ stack }: BenchStack, devices: number): Promise<AnnouncementCost> {
  let [units, requests] = [0, 0];
  const counting: PluginConfig = {
    on: PluginOn.request,
    async plugin(context, _diagnostics, next) {
      const answer = await next(context);
      units += Number(answer.headers['x-ms-request-charge'] ?? 0);
      requests += 1;
      return answer;
    },
  };
  const { endpoint, key, database: id } = stack.cosmos;
  // The SDK has the option, and hides it from its types.
  const options = { endpoint, key, plugins: [counting] };
  const client = new CosmosClient(options);
  try {
    const database = client.database(id);
    const store = createCosmosDeviceStore(database.container('devices'), { sleep: async () => {} });
    const outbox = createCosmosOutbox(database);
    const { items } = await store.list({ status: 'provisioned' }, { size: devices });
    const ids = items.map((device) => device.id);
    const write = async (change: (record: DeviceRecord) => DeviceRecord) => {
      const read = [...(await store.read(ids)).values()];
      const before = { units, requests };
      await store.replace(read.map(({ value, etag }) => ({ etag, value: change(value) })));
      return { units: units - before.units, requests: requests - before.requests };
    };
    const recorded = await write((record) => ({ ...record, registration }));
    const announced = await write((record) => owe(record, deviceAssigned(record, registration, registration.at)));
    const before = { units, requests };
    const owing = await outbox.owing(ids.length);
    await outbox.settle(owing);
    const events = owing.flatMap((document) => document.events).map((event) => cloudEvent(event, undefined));
    return {
      requestUnits: (announced.units - recorded.units + units - before.units) / ids.length,
      cosmosRequests: (announced.requests - recorded.requests + requests - before.requests) / ids.length,
      messages: inMessages(events).length / ids.length,
    };
  } finally {
    client.dispose();
  }
}
