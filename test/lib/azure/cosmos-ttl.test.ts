import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Database } from '@azure/cosmos';
import { containerDefinitions } from '../../../lib/azure/cosmos.ts';
import { createCosmosDeadLetterStore } from '../../../lib/azure/cosmos-dead-letters.ts';
import { createCosmosDelegatedCaStore } from '../../../lib/azure/cosmos-delegated-cas.ts';
import { createCosmosWebhookStore } from '../../../lib/azure/cosmos-events.ts';
import { createCosmosFindingStore } from '../../../lib/azure/cosmos-findings.ts';
import { createCosmosOutbox } from '../../../lib/azure/cosmos-outbox.ts';
import { createCosmosRenewalRate } from '../../../lib/azure/cosmos-renewal-rate.ts';
import type { Delivery } from '../../../lib/events/webhook.ts';
import { someLetter } from '../../contract/dead-letter-store.ts';
import { someDelegatedCa } from '../../contract/delegated-ca-store.ts';
import { someFinding } from '../../contract/finding-store.ts';
import { startCosmos } from '../../infra/emulators/cosmos/start-cosmos.ts';

/* Documents that Cosmos DB deletes by itself, and how long it keeps them. */

const began = Date.parse('2026-11-28T09:00:00Z');
const at = new Date(began).toISOString();
const by = { by: 'Ann', at };
const dayMs = 24 * 60 * 60 * 1000;
const subject = { type: 'device', id: 'gw-1' } as const;
const delivery = { deliveryId: 'd', target: 'wh-1', events: [], state: 'waiting', attempts: 0, createdAt: at } as const;
const notice = { id: 'n', type: 'fleet.ca.ending', subject: 's', time: at, data: {} } as const;

const kept: readonly [what: string, container: string, ms: number, make: (container: Container) => Promise<unknown>][] =
  [
    ['a counter of renewals', 'events', 30 * 60_000, (each) => createCosmosRenewalRate(each).count('line7', 1)],
    [
      'a delivery of an event',
      'events',
      30 * dayMs,
      (each) => createCosmosWebhookStore(each).createDelivery(delivery as unknown as Delivery),
    ],
    [
      'a notice',
      'events',
      400 * dayMs,
      (each) => createCosmosOutbox({ container: () => each } as unknown as Database).note(notice as never),
    ],
    [
      'a finding that is gone, by a retention of 90 days,',
      'findings',
      90 * dayMs,
      (each) =>
        createCosmosFindingStore(each, { retentionDays: 90 }).create(
          someFinding('other-hub', subject, { state: 'gone' }),
        ),
    ],
    [
      'a letter that was sent again, by a retention of 30 days,',
      'dead-letters',
      30 * dayMs,
      async (each) => {
        const store = createCosmosDeadLetterStore(each, { retentionDays: 30 });
        await store.put(someLetter('a', 'chunks'));
        await store.noteRedriven({ ...someLetter('a', 'chunks'), times: 1 }, by);
      },
    ],
    [
      'a letter that was discarded, by a retention of 365 days,',
      'dead-letters',
      365 * dayMs,
      async (each) => {
        const store = createCosmosDeadLetterStore(each, { retentionDays: 365 });
        await store.put(someLetter('a', 'chunks'));
        await store.noteDiscarded({ ...someLetter('a', 'chunks'), times: 1 }, by);
      },
    ],
    [
      'a delegated CA, 400 days after its end',
      'delegated-cas',
      410 * dayMs,
      (each) =>
        createCosmosDelegatedCaStore(each, () => new Date(began)).create(
          someDelegatedCa({ notAfter: new Date(began + 10 * dayMs).toISOString() }),
        ),
    ],
    [
      'a delegated CA that is written after its end',
      'delegated-cas',
      400 * dayMs,
      (each) =>
        createCosmosDelegatedCaStore(each, () => new Date(began)).create(
          someDelegatedCa({ notAfter: new Date(began - 10 * dayMs).toISOString() }),
        ),
    ],
  ];

for (const [what, id, ms, make] of kept) {
  test(`${what} is kept for ${ms < dayMs ? `${ms / 60_000} minutes` : `${ms / dayMs} days`}`, async (t) => {
    let now = began;
    const { container: start } = await startCosmos(t, { now: () => now });
    const container = await start(containerDefinitions.find((each) => each.id === id));
    const count = async () => {
      const { resources } = await container.items.query<number>('SELECT VALUE COUNT(1) FROM c').fetchAll();
      return resources[0];
    };
    await make(container);
    now = began + ms - 2000;
    assert.equal(await count(), 1);
    now = began + ms + 2000;
    assert.equal(await count(), 0);
  });
}

test('an open finding and a waiting letter are kept until they change', async (t) => {
  let now = began;
  const { container: start } = await startCosmos(t, { now: () => now });
  const made = (id: string) => start({ ...containerDefinitions.find((each) => each.id === id) });
  const finding = createCosmosFindingStore(await made('findings'));
  const letters = createCosmosDeadLetterStore(await made('dead-letters'));
  const { id } = someFinding('other-hub', subject);
  await finding.create(someFinding('other-hub', subject));
  await letters.put(someLetter('a', 'chunks'));
  now += 1000 * dayMs;
  assert.ok(await finding.read(id));
  assert.ok(await letters.read('a'));
});
