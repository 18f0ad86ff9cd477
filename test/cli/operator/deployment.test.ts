import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Check } from '../../../cli/doctor-check.ts';
import { deploymentChecks } from '../../../cli/operator/deployment/checks.ts';
import { createResourceManager } from '../../../cli/operator/resource-manager.ts';
import { fakeDeployment, type Seen, someNow } from '../transcript.ts';

/*
 * A deployment as Azure Resource Manager shows it, on a server of this machine. The answers have the members that the documentation of
 * each call names: https://learn.microsoft.com/rest/api/azure
 */

const subscription = '/subscriptions/00000000-0000-4000-8000-000000000000';
const group = `${subscription}/resourceGroups/rg-fleet`;
const idOf = (type: string, name: string) => `${group}/providers/${type}/${name}`;
const types = {
  identity: 'Microsoft.ManagedIdentity/userAssignedIdentities',
  site: 'Microsoft.Web/sites',
  storage: 'Microsoft.Storage/storageAccounts',
  cosmos: 'Microsoft.DocumentDB/databaseAccounts',
  topic: 'Microsoft.EventGrid/systemTopics',
  hub: 'Microsoft.Devices/IotHubs',
  dps: 'Microsoft.Devices/provisioningServices',
} as const;
const ids = {
  appIdentity: idOf(types.identity, 'id-app'),
  eventsIdentity: idOf(types.identity, 'id-events'),
  api: idOf(types.site, 'func-api'),
  est: idOf(types.site, 'func-est'),
  storage: idOf(types.storage, 'st1'),
  cosmos: idOf(types.cosmos, 'cosmos-1'),
  topic: idOf(types.topic, 'evgst-1'),
  hub: idOf(types.hub, 'iot-1'),
  dps: idOf(types.dps, 'provs-1'),
};
const principals = { app: 'aaaa', events: 'eeee', dps: 'dddd' };
const uploadQueue = `${ids.storage}/queueServices/default/queues/manifest-uploads`;

const roleId = (role: string) => `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${role}`;
const assignment = (principalId: string, role: string, scope: string, createdOn = '2026-11-26T12:00:00Z') => ({
  properties: { principalId, roleDefinitionId: roleId(role), scope, createdOn },
});
const sender = 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a';
const assignments = [
  assignment(principals.app, 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b', ids.storage),
  assignment(principals.events, sender, uploadQueue),
  assignment(principals.dps, '4fc6c259-987e-4a07-842e-c321cc9d413f', ids.hub),
];

const resource = (id: string, more: object = {}) => {
  const [, type = '', name = ''] = /\/providers\/([^/]+\/[^/]+)\/([^/]+)$/.exec(id) ?? [];
  return { id, type, name, ...more };
};
const resources = [
  ...[ids.appIdentity, ids.eventsIdentity, ids.storage, ids.cosmos, ids.topic, ids.hub, ids.dps].map((id) =>
    resource(id),
  ),
  resource(ids.api, { tags: { 'azd-service-name': 'api' } }),
  resource(ids.est, { tags: { 'azd-service-name': 'est' } }),
];
const identityOf = (id: string, principalId: string) => ({
  type: 'UserAssigned',
  userAssignedIdentities: { [id]: { principalId, clientId: 'c' } },
});
const subscriptionOf = (more: object = {}) => ({
  name: 'manifest-uploads',
  properties: {
    provisioningState: 'Succeeded',
    deliveryWithResourceIdentity: {
      identity: { type: 'UserAssigned', userAssignedIdentity: ids.eventsIdentity.toUpperCase() },
      destination: {
        endpointType: 'StorageQueue',
        properties: { resourceId: ids.storage, queueName: 'manifest-uploads' },
      },
    },
    ...more,
  },
});
const counted = (counts: Readonly<Record<string, readonly number[]>>) => ({
  value: Object.entries(counts).map(([name, totals]) => ({
    name: { value: name },
    timeseries: [
      {
        metadatavalues: [{ name: { value: 'eventsubscriptionname' }, value: 'MANIFEST-UPLOADS' }],
        data: totals.map((total) => ({ timeStamp: '2026-11-27T00:00:00Z', total })),
      },
    ],
  })),
});
const signIn = (policy?: object) => ({
  properties: {
    platform: { enabled: true },
    identityProviders: {
      azureActiveDirectory: {
        enabled: true,
        registration: { clientId: 'app-id' },
        validation: { defaultAuthorizationPolicy: policy },
      },
    },
  },
});
const site = (certificates: object = {}) => ({
  identity: identityOf(ids.appIdentity, principals.app),
  properties: { clientCertEnabled: true, clientCertMode: 'Required', clientCertExclusionPaths: null, ...certificates },
});

type Routes = Parameters<typeof fakeDeployment>[0];

const namespaces = [...new Set([...resources.map(({ type }) => type.split('/')[0]), 'Microsoft.App'])];
const healthy: Routes = {
  [`GET ${group}/resources`]: { json: { value: resources } },
  [`GET ${group}/providers/Microsoft.Authorization/roleAssignments`]: { json: { value: assignments } },
  ...Object.fromEntries(
    namespaces.map((name) => [`GET ${subscription}/providers/${name}`, { json: { registrationState: 'Registered' } }]),
  ),
  [`GET ${ids.appIdentity}`]: { json: { properties: { principalId: principals.app } } },
  [`GET ${ids.eventsIdentity}`]: { json: { properties: { principalId: principals.events } } },
  [`GET ${ids.cosmos}/sqlRoleAssignments`]: { json: { value: [{ properties: { principalId: 'AAAA' } }] } },
  [`GET ${ids.topic}`]: {
    json: {
      identity: identityOf(ids.eventsIdentity, principals.events),
      properties: { topicType: 'microsoft.storage.storageaccounts' },
    },
  },
  [`GET ${ids.topic}/eventSubscriptions`]: { json: { value: [subscriptionOf()] } },
  [`GET ${ids.topic}/providers/Microsoft.Insights/metrics`]: { json: counted({ DeliverySuccessCount: [1200, 34] }) },
  [`GET ${ids.api}`]: { json: site({ clientCertEnabled: false }) },
  [`GET ${ids.api}/config/authsettingsV2`]: { json: signIn({ allowedApplications: ['app-id', 'erp'] }) },
  [`GET ${ids.est}`]: { json: site() },
  [`GET ${ids.hub}`]: { json: { properties: { hostName: 'IOT-1.azure-devices.net' } } },
  [`GET ${ids.dps}`]: {
    json: {
      identity: identityOf(idOf(types.identity, 'id-dps'), principals.dps),
      properties: { iotHubs: [{ name: 'iot-1.azure-devices.net', hostName: 'iot-1.azure-devices.net' }] },
    },
  },
  [`GET ${ids.dps}/certificates`]: { json: { value: [{ name: 'fleet-root', properties: { isVerified: true } }] } },
};

interface Looked {
  readonly checks: Check[];
  readonly seen: readonly Seen[];
}

async function look(more: Routes = {}, given = group): Promise<Looked> {
  await using azure = await fakeDeployment({ ...healthy, ...more });
  const credential = { getToken: async () => ({ token: 'token-of-test', expiresOnTimestamp: 0 }) };
  const manager = createResourceManager({ credential, endpoint: azure.url });
  return { checks: await Array.fromAsync(deploymentChecks(manager, given, someNow)), seen: azure.seen };
}

/** The only check that is not in order. */
async function fault(more: Routes): Promise<Check> {
  const wrong = (await look(more)).checks.filter(({ state }) => state !== 'ok');
  assert.equal(wrong.length, 1, JSON.stringify(wrong));
  const [check] = wrong;
  assert.ok(check?.fix, 'a fault has a fix');
  return check;
}

describe('fleet doctor --deployment', () => {
  it('finds nothing wrong in a deployment that works, and says what it saw', async () => {
    const { checks, seen } = await look();
    assert.deepEqual(
      checks.map(({ name, state, found }) => `${state} ${name}: ${found}`),
      [
        'ok providers: 6 registered',
        'ok roles of id-app: 1 role on 1 resource, the latest given 24 h 0 min ago',
        'ok roles of id-events: 1 role on 1 resource, the latest given 24 h 0 min ago',
        'ok data roles of func-api: on cosmos-1',
        'ok data roles of func-est: on cosmos-1',
        'ok event subscription manifest-uploads: 1,234 delivered to queue manifest-uploads, 0 failed attempts, 0 given up in 24 h',
        'ok allowed applications: app-id, erp',
        'ok client certificates of the EST server: enabled true, mode Required, excluded paths none',
        'ok hubs linked to provs-1: iot-1.azure-devices.net',
        'ok CA certificates in provs-1: 1 proven certificate',
      ],
    );
    for (const { headers, method, path } of seen) {
      assert.equal(headers.authorization, 'Bearer token-of-test');
      assert.equal(method, 'GET', 'it only reads');
      assert.match(path, /[?&]api-version=\d{4}-\d\d-\d\d(&|$)/);
    }
  });

  it('names a provider that is not registered, also that of the network of the app', async () => {
    const state = (registrationState: string) => ({ json: { registrationState } });
    const devices = await fault({ [`GET ${subscription}/providers/Microsoft.Devices`]: state('Unregistered') });
    assert.equal(devices.found, 'Microsoft.Devices is Unregistered');
    assert.match(devices.fix ?? '', /az provider register --namespace Microsoft\.Devices --wait/);
    // Without a network it is not needed.
    const app = { [`GET ${subscription}/providers/Microsoft.App`]: state('NotRegistered') };
    assert.deepEqual(
      (await look(app)).checks.filter((check) => check.state !== 'ok'),
      [],
    );
    const network = resource(idOf('Microsoft.Network/virtualNetworks', 'vnet-1'));
    const withNetwork = await fault({
      ...app,
      [`GET ${subscription}/providers/Microsoft.Network`]: state('Registered'),
      [`GET ${group}/resources`]: { json: { value: [...resources, network] } },
    });
    assert.equal(withNetwork.found, 'Microsoft.App is NotRegistered');
  });

  it('says that a role is too young to hold everywhere, and that an identity has none', async () => {
    const list = (value: readonly object[]) => ({
      [`GET ${group}/providers/Microsoft.Authorization/roleAssignments`]: { json: { value } },
    });
    const young = assignment(principals.app, 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b', ids.hub, '2026-11-27T11:57:00Z');
    const wait = await fault(list([...assignments, young]));
    assert.equal(wait.state, 'warning');
    assert.equal(wait.found, '2 roles on 2 resources, the latest given 3 min 0 s ago');
    assert.match(wait.fix ?? '', /10 minutes/);
    const none = await fault(list(assignments.slice(1)));
    assert.deepEqual([none.name, none.state, none.found], ['roles of id-app', 'FAULT', 'none']);
    const noData = (await look({ [`GET ${ids.cosmos}/sqlRoleAssignments`]: { json: { value: [] } } })).checks;
    assert.deepEqual(
      noData.filter(({ state }) => state === 'FAULT').map(({ name }) => name),
      ['data roles of func-api', 'data roles of func-est'],
    );
  });

  it('says why uploads do not become jobs: no subscription, no role, or events that do not arrive', async () => {
    const subscriptions = (value: readonly object[]) => ({
      [`GET ${ids.topic}/eventSubscriptions`]: { json: { value } },
    });
    assert.match((await fault(subscriptions([]))).found, /none for blob storage, so no upload becomes a job/);
    const failed = await fault(subscriptions([subscriptionOf({ provisioningState: 'Failed' })]));
    assert.equal(failed.found, 'its provisioning is Failed');

    // A role on another queue of the account does not help.
    const elsewhere = assignment(principals.events, sender, `${uploadQueue}-poison`);
    const closed = await fault({
      [`GET ${group}/providers/Microsoft.Authorization/roleAssignments`]: {
        json: {
          value: [...assignments.filter(({ properties }) => properties.principalId !== principals.events), elsewhere],
        },
      },
    });
    assert.equal(closed.found, 'its identity has no role to send to queue manifest-uploads of st1');

    const metrics = (counts: Readonly<Record<string, readonly number[]>>) => ({
      [`GET ${ids.topic}/providers/Microsoft.Insights/metrics`]: { json: counted(counts) },
    });
    const refused = await fault(metrics({ DeliverySuccessCount: [0], DeliveryAttemptFailCount: [2, 1] }));
    assert.deepEqual([refused.state, /3 failed attempts/.test(refused.found)], ['FAULT', true]);
    const lost = await fault(metrics({ DeliverySuccessCount: [9], DroppedEventCount: [0, 1] }));
    assert.deepEqual([lost.state, /1 given up in 24 h/.test(lost.found)], ['FAULT', true]);
    const slow = await fault(metrics({ DeliverySuccessCount: [9], DeliveryAttemptFailCount: [1] }));
    assert.equal(slow.state, 'warning');
    const quiet = (await look(metrics({}))).checks.find(({ name }) => name.startsWith('event subscription'));
    assert.deepEqual([quiet?.state, quiet?.found], ['ok', 'no event in 24 h; upload a list to see one']);
  });

  it('knows a subscription that delivers by the identity of the topic itself, with a role above the queue', async () => {
    const { properties, ...rest } = subscriptionOf();
    const delivery = { ...properties.deliveryWithResourceIdentity, identity: { type: 'SystemAssigned' } };
    const topic = {
      identity: { type: 'SystemAssigned', principalId: 'tttt' },
      properties: { topicType: 'Microsoft.Storage.StorageAccounts' },
    };
    const { checks } = await look({
      [`GET ${ids.topic}`]: { json: topic },
      [`GET ${ids.topic}/eventSubscriptions`]: {
        json: { value: [{ ...rest, properties: { ...properties, deliveryWithResourceIdentity: delivery } }] },
      },
      [`GET ${group}/providers/Microsoft.Authorization/roleAssignments`]: {
        json: { value: [...assignments, assignment('TTTT', sender, ids.storage)] },
      },
    });
    assert.deepEqual(
      checks.filter(({ state }) => state !== 'ok'),
      [],
    );
  });

  it('says that sign-in lets no client in, or not the console', async () => {
    const settings = (json: object) => ({ [`GET ${ids.api}/config/authsettingsV2`]: { json } });
    for (const policy of [undefined, {}, { allowedApplications: [] }]) {
      const nobody = await fault(settings(signIn(policy)));
      assert.deepEqual([nobody.state, nobody.found], ['FAULT', 'none, so every caller gets 403']);
    }
    const others = await fault(settings(signIn({ allowedApplications: ['erp'] })));
    assert.equal(others.state, 'warning');
    const keys = (await look(settings({ properties: { platform: { enabled: false } } }))).checks;
    assert.equal(keys.find(({ name }) => name === 'allowed applications')?.found, 'callers use function keys');
  });

  it('says that the EST server does not ask every caller for a certificate', async () => {
    for (const wrong of [
      { clientCertEnabled: false },
      { clientCertMode: 'Optional' },
      { clientCertExclusionPaths: '/open' },
    ]) {
      const open = await fault({ [`GET ${ids.est}`]: { json: site(wrong) } });
      assert.deepEqual([open.name, open.state], ['client certificates of the EST server', 'FAULT']);
    }
  });

  it('says which hub is not linked, or closed to DPS, and which CA certificate is not proven', async () => {
    const dps = (iotHubs: readonly object[]) => ({
      [`GET ${ids.dps}`]: {
        json: { identity: identityOf(idOf(types.identity, 'id-dps'), principals.dps), properties: { iotHubs } },
      },
    });
    const other = await fault(dps([{ name: 'elsewhere.azure-devices.net' }]));
    assert.equal(other.name, 'hub iot-1.azure-devices.net');
    const { checks } = await look(dps([]));
    assert.deepEqual(
      checks.filter(({ state }) => state === 'FAULT').map(({ name }) => name),
      ['hubs linked to provs-1', 'hub iot-1.azure-devices.net'],
    );
    const closed = await fault({
      [`GET ${group}/providers/Microsoft.Authorization/roleAssignments`]: { json: { value: assignments.slice(0, 2) } },
    });
    assert.equal(closed.found, 'the identity of DPS has no role on iot-1.azure-devices.net');

    const certificates = (value: readonly object[]) => ({ [`GET ${ids.dps}/certificates`]: { json: { value } } });
    const one = { name: 'fleet-root', properties: { isVerified: false } };
    const two = { name: 'line7-1', properties: { isVerified: true } };
    assert.match((await fault(certificates([]))).found, /none, so no device can register/);
    assert.equal((await fault(certificates([one]))).found, 'none is proven: fleet-root');
    const some = await fault(certificates([one, two]));
    assert.deepEqual([some.state, some.found], ['warning', '1 proven certificate; not proven: fleet-root']);
  });

  it('goes on after a part that it may not read, and reads lists of several pages', async () => {
    const denied = { status: 403, json: { error: { code: 'AuthorizationFailed', message: 'No.' } } };
    const check = await fault({ [`GET ${ids.api}/config/authsettingsV2`]: denied });
    assert.match(check.found, /^Azure Resource Manager answered 403 for .*: AuthorizationFailed No\.$/);
    assert.match(check.fix ?? '', /role Reader/);

    let asked = 0;
    let endpoint = '';
    const pages = ({ headers }: Seen) => {
      endpoint = `http://${headers.host}`;
      asked += 1;
      return asked === 1
        ? {
            json: {
              value: resources.slice(0, 3),
              nextLink: `${endpoint}${group}/resources?api-version=2021-04-01&$skiptoken=x`,
            },
          }
        : { json: { value: resources.slice(3) } };
    };
    const { checks } = await look({ [`GET ${group}/resources`]: pages });
    assert.equal(asked, 2);
    assert.deepEqual(
      checks.filter(({ state }) => state !== 'ok'),
      [],
    );
  });

  it('gives its token to no other server, and refuses what is not a resource group', async () => {
    const elsewhere = { json: { value: [], nextLink: 'https://example.com/resources' } };
    const { checks } = await look({ [`GET ${group}/resources`]: elsewhere });
    assert.deepEqual(
      checks.map(({ state }) => state),
      ['FAULT'],
    );
    assert.match(checks[0]?.found ?? '', /^A page of a list is at https:\/\/example\.com\. Expected http:\/\/127/);
    const wrong = await look({}, 'rg-fleet');
    assert.match(
      wrong.checks[0]?.found ?? '',
      /^This is not the resource id of a resource group\. Expected \/subscriptions/,
    );
    assert.equal(wrong.seen.length, 0);
  });
});
