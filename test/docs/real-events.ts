import { caEnding } from '../../lib/authorities/expiry.ts';
import { blocked, closed, restored, restoring } from '../../lib/devices/blocking.ts';
import { deviceAssigned } from '../../lib/devices/device-events.ts';
import { planRenewal } from '../../lib/devices/renewal-plan.ts';
import { type FailureReason, FleetError } from '../../lib/errors.ts';
import { type CloudEvent, cloudEvent } from '../../lib/events/cloud-event.ts';
import { compareDevice } from '../../lib/findings/compare-device.ts';
import { eventsOf, findingOpened } from '../../lib/findings/finding.ts';
import { parseOrder } from '../../lib/orders/order.ts';
import type { EventType, OwedEvent } from '../../lib/outbox.ts';
import { ingestOrder } from '../../lib/pipeline/ingest-order.ts';
import { noticeJobs } from '../../lib/pipeline/notice-jobs.ts';
import { recordDeadLetter } from '../../lib/pipeline/record-dead-letter.ts';
import { someFinding } from '../contract/finding-store.ts';
import { someDevice } from '../factories.ts';
import { createWorld } from '../world.ts';

const apiUrl = 'https://fleet.example.com';
const at = '2026-11-27T18:05:00.000Z';

/** What the documentation shows: an order of four devices, one of which is twice in it. */
const order = {
  orderId: 'PO-4711',
  enrollmentGroup: 'line7',
  reference: { company: 'usmf', orderItem: 'GW-100', operation: '0010', unit: 'EA' },
  devices: [{ deviceId: 'gw-000001' }, { deviceId: 'gw-000002' }, { deviceId: 'gw-000002' }, { deviceId: 'gw-000003' }],
};

/** One event of each type, as the pipeline decides it and the sender sends it. */
export async function realEvents(): Promise<ReadonlyMap<EventType, CloudEvent>> {
  const owed = [...(await orderEvents()), ...deviceEvents(), ...otherEvents()];
  return new Map(owed.map((event) => [event.type, cloudEvent(event, apiUrl)]));
}

async function orderEvents(): Promise<OwedEvent[]> {
  let now = new Date('2026-11-27T18:00:00.000Z');
  using world = createWorld({ chunkRows: 250, now: () => now });
  await world.declare('line7', { keyCustody: 'plain' });
  const services = world.services();
  const { manifest } = await ingestOrder(parseOrder(order), services);
  world.announce({ blobName: manifest.blob, etag: manifest.etag }, 1);
  const accepted = await world.outbox.owing(100);
  await world.queue.shift()?.run();
  // Nothing works on its chunk for half an hour.
  now = new Date('2026-11-27T18:31:00.000Z');
  await noticeJobs(services);
  now = new Date('2026-11-27T18:32:30.000Z');
  await world.settle();
  const misspelt = { orderId: 'PO-4712', reference: order.reference, enrollmentGroup: 'line7', quantity: 3 };
  const body = JSON.stringify(misspelt);
  const deadLetters = { ...world.deadLetters, readReason: async () => refusalOf(misspelt) };
  await recordDeadLetter('orders', body, { ...services, deadLetters });
  return [...accepted, ...(await world.outbox.owing(100))].flatMap(({ events }) => events);
}

function refusalOf(body: unknown): FailureReason | undefined {
  try {
    parseOrder(body);
  } catch (error) {
    if (error instanceof FleetError) return error.reason;
  }
  return undefined;
}

function deviceEvents(): OwedEvent[] {
  const device = someDevice({ id: 'gw-000001', status: 'assigned' });
  const act = {
    by: 'Ada Lovelace (3f1c…)',
    at: '2026-11-27T18:04:10.000Z',
    reason: 'stolen, ticket 4711',
    mark: 'mark-1',
  };
  const closings = (['suspended', 'revoked', 'scrapped'] as const).flatMap((kind) => {
    const closing = blocked(device, { kind, ...act });
    return closing.block === undefined ? [] : (closed(closing, closing.block, at).outbox ?? []);
  });
  const suspended = blocked(device, { kind: 'suspended', ...act });
  const opening = restoring({ ...suspended, status: 'suspended' }, { ...act, reason: 'found again', mark: 'mark-2' });
  const opened = opening.block === undefined ? [] : (restored(opening, opening.block, undefined, at).outbox ?? []);
  const registration = {
    status: 'assigned',
    assignedHub: 'iot-fleet.azure-devices.net',
    at: '2026-11-27T18:03:59.000Z',
  } as const;
  return [...closings, ...opened, deviceAssigned(device, registration, at)];
}

/** A device that renews at 80 % of its life, and did not. */
function lateEvents(): readonly OwedEvent[] {
  const identity = {
    ...{ sha1Thumbprint: 'A'.repeat(40), sha256Thumbprint: 'A'.repeat(64) },
    ...{ notBefore: '2026-01-10T00:00:00.000Z', notAfter: '2027-01-10T00:00:00.000Z' },
  };
  const renewal = planRenewal({ threshold: '80%', retry: '4%' }, identity);
  const record = someDevice({ id: 'gw-000001', status: 'assigned', identity, renewal });
  const { differences } = compareDevice({ record, group: undefined, seen: { deviceId: record.id }, at });
  const [late] = differences.filter(({ kind }) => kind === 'renewal-late');
  if (late === undefined) return [];
  return eventsOf(someFinding(late.kind, late.subject, late), at).filter(({ type }) => type === 'fleet.device.late');
}

function otherEvents(): OwedEvent[] {
  const ending = { group: 'line7', certificate: 'issuing CA', notAfter: '2027-01-20T12:00:00.000Z', days: 53 } as const;
  const subject = { type: 'device', id: 'gw-000001', enrollmentGroup: 'line7' } as const;
  const finding = someFinding('other-hub', subject, {
    expected: { hub: 'iot-fleet.azure-devices.net' },
    seen: { hub: 'iot-other.azure-devices.net' },
    firstSeen: at,
  });
  return [caEnding(ending, new Date(at)), findingOpened(finding, at), ...lateEvents()];
}
