import type { Check } from '../../doctor-check.ts';
import { grouped, plural } from '../../text.ts';
import { type Inventory, lastOf, type ResourceIdentity, rolesOn } from './inventory.ts';

const apiVersion = '2022-06-15';

/** Hours of metrics that are counted. Event Grid gives up on an event after 24 hours. */
const hours = 24;

/** https://learn.microsoft.com/azure/event-grid/monitor-push-reference */
const metrics = ['DeliverySuccessCount', 'DeliveryAttemptFailCount', 'DroppedEventCount', 'DeadLetteredCount'] as const;

type Counts = Readonly<Record<(typeof metrics)[number], number>>;

/** Roles that may add messages to a queue: Message Sender, Data Contributor. https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage */
const senders = ['c6a89b2d-59bc-44d0-9896-0f6e12d7b80a', '974c5e8b-45b9-4653-ba55-5f855dd0fb88'];

interface Topic {
  readonly identity?: ResourceIdentity;
  readonly properties: { readonly topicType?: string };
}

interface Subscription {
  readonly name: string;
  readonly properties: {
    readonly provisioningState?: string;
    readonly deliveryWithResourceIdentity?: {
      readonly identity: { readonly type?: string; readonly userAssignedIdentity?: string };
      readonly destination: { readonly properties: { readonly resourceId?: string; readonly queueName?: string } };
    };
  };
}

/** Whether Event Grid may deliver to the queues, and whether it does. */
export async function* eventChecks(inventory: Inventory, now: Date): AsyncGenerator<Check> {
  let uploads = 0;
  for (const { id } of inventory.ofType('Microsoft.EventGrid/systemTopics')) {
    const topic = await inventory.manager.get<Topic>(id, apiVersion);
    if (topic === undefined) continue;
    const subscriptions = await inventory.manager.list<Subscription>(`${id}/eventSubscriptions`, apiVersion);
    if (/^Microsoft\.Storage\.StorageAccounts$/i.test(topic.properties.topicType ?? ''))
      uploads += subscriptions.length;
    const counts = subscriptions.length === 0 ? new Map<string, Counts>() : await countsOf(inventory, id, now);
    for (const subscription of subscriptions) {
      yield subscriptionCheck(inventory, topic, subscription, counts.get(subscription.name.toLowerCase()));
    }
  }
  if (uploads > 0) return;
  const found = 'none for blob storage, so no upload becomes a job';
  yield { name: 'event subscription', state: 'FAULT', found, fix: 'Run azd provision.' };
}

function subscriptionCheck(inventory: Inventory, topic: Topic, subscription: Subscription, counts?: Counts): Check {
  const { name: subscriptionName, properties } = subscription;
  const name = `event subscription ${subscriptionName}`;
  const { provisioningState = 'unknown', deliveryWithResourceIdentity: delivery } = properties;
  if (provisioningState !== 'Succeeded') {
    return { name, state: 'FAULT', found: `its provisioning is ${provisioningState}`, fix: 'Run azd provision again.' };
  }
  const { resourceId, queueName = '' } = delivery?.destination.properties ?? {};
  if (delivery === undefined || resourceId === undefined) {
    return {
      name,
      state: 'warning',
      found: 'it does not deliver to a queue by an identity',
      fix: 'Run azd provision.',
    };
  }
  const queue = `${resourceId}/queueServices/default/queues/${queueName}`;
  const principal = principalOf(topic, delivery.identity);
  const mayDeliver = rolesOn(inventory, principal, queue).some(({ role }) => senders.includes(role.toLowerCase()));
  if (!mayDeliver) {
    const found = `its identity has no role to send to queue ${queueName} of ${lastOf(resourceId)}`;
    return {
      name,
      state: 'FAULT',
      found,
      fix: 'Give it Storage Queue Data Message Sender on the queue: azd provision.',
    };
  }
  return deliveryCheck(name, queueName, counts);
}

function deliveryCheck(name: string, queue: string, counts?: Counts): Check {
  const { DeliverySuccessCount: delivered = 0, DeliveryAttemptFailCount: failed = 0 } = counts ?? {};
  const lost = (counts?.DroppedEventCount ?? 0) + (counts?.DeadLetteredCount ?? 0);
  const found = `${grouped(delivered)} delivered to queue ${queue}, ${plural(failed, 'failed attempt')}, ${grouped(lost)} given up in ${hours} h`;
  const fix =
    'See the metric Delivery Failed Events of the system topic, split by Error, and the network rules of the storage account.';
  if (lost > 0 || (failed > 0 && delivered === 0)) return { name, state: 'FAULT', found, fix };
  if (failed > 0) return { name, state: 'warning', found, fix };
  return { name, state: 'ok', found: delivered === 0 ? `no event in ${hours} h; upload a list to see one` : found };
}

/** The object id of the identity with which a subscription delivers; empty where it is not that of the topic. */
function principalOf(
  { identity = {} }: Topic,
  { type, userAssignedIdentity = '' }: { readonly type?: string; readonly userAssignedIdentity?: string },
) {
  if (type === 'SystemAssigned') return identity.principalId ?? '';
  const given = Object.entries(identity.userAssignedIdentities ?? {});
  return given.find(([id]) => id.toLowerCase() === userAssignedIdentity.toLowerCase())?.[1].principalId ?? '';
}

interface Metrics {
  readonly value: readonly {
    readonly name: { readonly value: string };
    readonly timeseries: readonly {
      readonly metadatavalues?: readonly { readonly value: string }[];
      readonly data: readonly { readonly total?: number }[];
    }[];
  }[];
}

/** The counts of each subscription of a topic, by its name in lower case. https://learn.microsoft.com/rest/api/monitor/metrics/list */
async function countsOf({ manager }: Inventory, topic: string, now: Date): Promise<Map<string, Counts>> {
  const from = new Date(now.getTime() - hours * 3_600_000);
  const answer = await manager.get<Metrics>(`${topic}/providers/Microsoft.Insights/metrics`, '2018-01-01', {
    metricnames: metrics.join(','),
    timespan: `${from.toISOString()}/${now.toISOString()}`,
    interval: 'PT1H',
    aggregation: 'Total',
    $filter: "EventSubscriptionName eq '*'",
  });
  const counts = new Map<string, Counts>();
  for (const { name, timeseries } of answer?.value ?? []) {
    for (const { metadatavalues = [], data } of timeseries) {
      const subscription = metadatavalues[0]?.value.toLowerCase() ?? '';
      const sum = data.reduce((total, each) => total + (each.total ?? 0), 0);
      const others = counts.get(subscription) ?? none;
      counts.set(subscription, { ...others, [name.value]: sum });
    }
  }
  return counts;
}

const none: Counts = {
  DeliverySuccessCount: 0,
  DeliveryAttemptFailCount: 0,
  DroppedEventCount: 0,
  DeadLetteredCount: 0,
};
