/*
 * What each role of the Bicep files is for: a role whose need is not written here is refused by roles.test.ts, and so is one whose need
 * is gone from the code.
 */

/** A file that needs a role, and a text that stands there. `template` is any Bicep file: other services of Azure have roles too. */
export type Need = readonly [file: string, text: string];

const template = 'infra/azure/**/*.bicep';

export interface RoleUse {
  /** As Azure calls it: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles */
  readonly name: string;
  readonly needs: readonly Need[];
}

/** Built-in roles by their id. */
export const builtInRoles: Readonly<Record<string, RoleUse>> = {
  'b7e6dc6d-f1e8-4753-8033-0f276bb0955b': {
    name: 'Storage Blob Data Owner',
    // The host owns the blobs of its locks and secrets.
    needs: [[template, 'AzureWebJobsStorage__blobServiceUri']],
  },
  'ba92f5b4-2d11-453d-a403-e96b0029c9fe': {
    name: 'Storage Blob Data Contributor',
    needs: [
      ['lib/azure/append-blobs.ts', 'blob.appendBlock('],
      ['lib/azure/blobs.ts', 'blob.upload('],
    ],
  },
  '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1': {
    name: 'Storage Blob Data Reader',
    needs: [['lib/azure/blobs.ts', 'blob.getProperties(']],
  },
  '974c5e8b-45b9-4653-ba55-5f855dd0fb88': {
    name: 'Storage Queue Data Contributor',
    needs: [
      ['lib/azure/queues.ts', 'queue.peekMessages('],
      ['functions/queues.ts', 'app.storageQueue('],
    ],
  },
  'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a': {
    name: 'Storage Queue Data Message Sender',
    needs: [[template, "endpointType: 'StorageQueue'"]],
  },
  'dfce44e4-17b7-4bd1-a6d1-04996ec95633': {
    name: 'Device Provisioning Service Data Contributor',
    needs: [['lib/azure/dps.ts', 'client.createOrUpdateEnrollmentGroup(']],
  },
  '10745317-c249-44a1-a5ce-3a4353c0bbd8': {
    name: 'Device Provisioning Service Data Reader',
    needs: [['lib/azure/dps.ts', 'client.getDeviceRegistrationState(']],
  },
  '4fc6c259-987e-4a07-842e-c321cc9d413f': {
    name: 'IoT Hub Data Contributor',
    needs: [[template, 'selectedUserAssignedIdentityResourceId']],
  },
  'b447c946-2db7-41ec-983d-d8bf3b1c77e3': {
    name: 'IoT Hub Data Reader',
    needs: [['lib/azure/hub-identities.ts', "this.#call('GET', deviceId)"]],
  },
  '494bdba2-168f-4f31-a0a1-191d2f7c028c': {
    name: 'IoT Hub Twin Contributor',
    needs: [['lib/azure/hub-twins.ts', 'registry.updateTwin(']],
  },
  '4ea46cd5-c1b2-4a8e-910b-273211f9ce47': {
    name: 'IoT Hub Registry Contributor',
    needs: [['lib/azure/hub-twins.ts', 'registry.delete(']],
  },
  '3913510d-42f4-4e42-8a64-420c390055eb': {
    name: 'Monitoring Metrics Publisher',
    needs: [['lib/azure/monitor-exporters.ts', 'new AzureMonitorMetricExporter(']],
  },
  'd5a91429-5739-47e2-a06b-3470a27159e7': {
    name: 'EventGrid Data Sender',
    needs: [['lib/azure/event-grid.ts', 'new EventGridPublisherClient(']],
  },
};

/** Built-in data roles of Cosmos DB, by the end of their id. https://learn.microsoft.com/azure/cosmos-db/reference-data-plane-security */
export const cosmosRoles: Readonly<Record<string, RoleUse>> = {
  '00000000-0000-0000-0000-000000000001': {
    name: 'Cosmos DB Built-in Data Reader',
    needs: [['lib/azure/cosmos-delegated-cas.ts', 'pageByKey']],
  },
  '00000000-0000-0000-0000-000000000002': {
    name: 'Cosmos DB Built-in Data Contributor',
    needs: [['lib/azure/cosmos.ts', 'container.items.create(']],
  },
};

/** Data actions of our own roles. https://learn.microsoft.com/azure/role-based-access-control/permissions/security */
export const actionUses: Readonly<Record<string, readonly Need[]>> = {
  'Microsoft.KeyVault/vaults/keys/create/action': [['lib/azure/key-vault.ts', 'client.createEcKey(']],
  'Microsoft.KeyVault/vaults/keys/read': [['lib/azure/key-vault.ts', 'client.getKey(']],
  'Microsoft.KeyVault/vaults/keys/sign/action': [['lib/azure/key-vault.ts', 'client.sign(']],
  'Microsoft.KeyVault/vaults/secrets/setSecret/action': [['lib/azure/key-vault-secrets.ts', 'client.setSecret(']],
  'Microsoft.KeyVault/vaults/secrets/getSecret/action': [['lib/azure/key-vault-secrets.ts', 'client.getSecret(']],
  'Microsoft.KeyVault/vaults/secrets/delete': [['lib/azure/key-vault-secrets.ts', 'client.beginDeleteSecret(']],
  // The first request of every client reads the account.
  'Microsoft.DocumentDB/databaseAccounts/readMetadata': [['functions/services.ts', 'new CosmosClient(']],
};
