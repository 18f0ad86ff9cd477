// Role assignments. Each is the narrowest role that suffices; a comment says what needs it.
// Ids of built-in roles: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
param appPrincipalId string
param operatorPrincipalId string
param operatorPrincipalType string
param storageAccountName string
param cosmosAccountName string
param cosmosDatabaseName string
param keyVaultName string
param auditVaultName string
param hubName string
param dpsName string
param componentName string

var builtInRoles = {
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageBlobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  storageBlobDataReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  storageQueueDataMessageSender: 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
  dpsDataContributor: 'dfce44e4-17b7-4bd1-a6d1-04996ec95633'
  hubTwinContributor: '494bdba2-168f-4f31-a0a1-191d2f7c028c'
  hubRegistryContributor: '4ea46cd5-c1b2-4a8e-910b-273211f9ce47'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
}

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageAccountName

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource manifests 'containers' existing = {
      name: 'manifests'
    }

    resource reports 'containers' existing = {
      name: 'reports'
    }
  }

  resource queues 'queueServices' existing = {
    name: 'default'

    resource orders 'queues' existing = {
      name: 'orders'
    }
  }
}

resource cosmos 'Microsoft.DocumentDB/databaseAccounts@2024-11-15' existing = {
  name: cosmosAccountName
}

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: keyVaultName
}

resource auditVault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: auditVaultName
}

resource hub 'Microsoft.Devices/IotHubs@2023-06-30' existing = {
  name: hubName
}

resource dps 'Microsoft.Devices/provisioningServices@2026-08-31' existing = {
  name: dpsName
}

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

// The app takes and reads snapshots of manifests. The host leases blobs, and keeps its secrets and timers in containers that it creates in the same account.
resource appOnBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage.id, appPrincipalId, builtInRoles.storageBlobDataOwner)
  scope: storage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtInRoles.storageBlobDataOwner)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Triggers receive, renew and delete messages. The app and the host send them, also to poison queues.
resource appOnQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage.id, appPrincipalId, builtInRoles.storageQueueDataContributor)
  scope: storage
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.storageQueueDataContributor
    )
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The app writes enrollments and enrollment groups, and reads and deletes registration states.
resource appOnDps 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(dps.id, appPrincipalId, builtInRoles.dpsDataContributor)
  scope: dps
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtInRoles.dpsDataContributor)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The app merges the tags and desired properties of a row into the twin once the device is assigned.
resource appOnHub 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hub.id, appPrincipalId, builtInRoles.hubTwinContributor)
  scope: hub
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtInRoles.hubTwinContributor)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The app removes the identity of a device that registered while it was deleted. No narrower role deletes identities.
resource appOnHubRegistry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hub.id, appPrincipalId, builtInRoles.hubRegistryContributor)
  scope: hub
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.hubRegistryContributor
    )
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource appOnTelemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(component.id, appPrincipalId, builtInRoles.monitoringMetricsPublisher)
  scope: component
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.monitoringMetricsPublisher
    )
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The narrowest built-in role that can create a key, Key Vault Crypto Officer, can also import, delete and purge keys. A CA
// needs only three actions.
resource caSigner 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'ca-signer')
  properties: {
    roleName: 'Fleet CA signer (${keyVaultName})'
    description: 'Creates CA keys, reads their public part and signs with them.'
    type: 'CustomRole'
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          'Microsoft.KeyVault/vaults/keys/create/action'
          'Microsoft.KeyVault/vaults/keys/read'
          'Microsoft.KeyVault/vaults/keys/sign/action'
        ]
        notDataActions: []
      }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

resource appOnVault 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, appPrincipalId, caSigner.id)
  scope: vault
  properties: {
    roleDefinitionId: caSigner.id
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The app makes, reads and deletes the secrets that sign webhooks. The narrowest built-in role, Key Vault Secrets Officer, can also
// list, restore and purge every secret.
resource webhookSecrets 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'webhook-secrets')
  properties: {
    roleName: 'Fleet webhook secrets (${keyVaultName})'
    description: 'Sets, reads and deletes the secrets of webhooks.'
    type: 'CustomRole'
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          'Microsoft.KeyVault/vaults/secrets/setSecret/action'
          'Microsoft.KeyVault/vaults/secrets/getSecret/action'
          'Microsoft.KeyVault/vaults/secrets/delete'
        ]
        notDataActions: []
      }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

resource appOnWebhookSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, appPrincipalId, webhookSecrets.id)
  scope: vault
  properties: {
    roleDefinitionId: webhookSecrets.id
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The app signs checkpoints of the audit trail with a key that Bicep makes. It can make no other key there.
resource auditSigner 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'audit-signer')
  properties: {
    roleName: 'Fleet audit signer (${auditVaultName})'
    description: 'Reads the public part of the key of the audit trail and signs with it.'
    type: 'CustomRole'
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          'Microsoft.KeyVault/vaults/keys/read'
          'Microsoft.KeyVault/vaults/keys/sign/action'
        ]
        notDataActions: []
      }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

resource appOnAuditVault 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(auditVault.id, appPrincipalId, auditSigner.id)
  scope: auditVault
  properties: {
    roleDefinitionId: auditSigner.id
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Cosmos DB has its own data-plane roles. This is the built-in Data Contributor (…0002), for this database only.
resource appOnDatabase 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2024-11-15' = {
  parent: cosmos
  name: guid(cosmos.id, appPrincipalId, cosmosDatabaseName, 'data-contributor')
  properties: {
    roleDefinitionId: '${cosmos.id}/sqlRoleDefinitions/00000000-0000-0000-0000-000000000002'
    principalId: appPrincipalId
    scope: '${cosmos.id}/dbs/${cosmosDatabaseName}'
  }
}

// Before it reads data, the SDK reads the endpoints of the account, which are metadata of the account, not of a database.
resource metadataReader 'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions@2024-11-15' = {
  parent: cosmos
  name: guid(cosmos.id, 'metadata-reader')
  properties: {
    roleName: 'Account metadata reader'
    type: 'CustomRole'
    assignableScopes: [cosmos.id]
    permissions: [
      {
        dataActions: ['Microsoft.DocumentDB/databaseAccounts/readMetadata']
      }
    ]
  }
}

resource appOnAccountMetadata 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2024-11-15' = {
  parent: cosmos
  name: guid(cosmos.id, appPrincipalId, 'metadata-reader')
  properties: {
    roleDefinitionId: metadataReader.id
    principalId: appPrincipalId
    scope: cosmos.id
  }
}

output caSignerRoleId string = caSigner.id
output metadataReaderRoleId string = metadataReader.id

// An operator uploads manifests, sends orders and reads reports. Bundles are downloaded through the app, which records it.
resource operatorOnManifests 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorPrincipalId)) {
  name: guid(storage::blobs::manifests.id, operatorPrincipalId, builtInRoles.storageBlobDataContributor)
  scope: storage::blobs::manifests
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.storageBlobDataContributor
    )
    principalId: operatorPrincipalId
    principalType: operatorPrincipalType
  }
}

resource operatorOnReports 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorPrincipalId)) {
  name: guid(storage::blobs::reports.id, operatorPrincipalId, builtInRoles.storageBlobDataReader)
  scope: storage::blobs::reports
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtInRoles.storageBlobDataReader)
    principalId: operatorPrincipalId
    principalType: operatorPrincipalType
  }
}

resource operatorOnOrders 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorPrincipalId)) {
  name: guid(storage::queues::orders.id, operatorPrincipalId, builtInRoles.storageQueueDataMessageSender)
  scope: storage::queues::orders
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.storageQueueDataMessageSender
    )
    principalId: operatorPrincipalId
    principalType: operatorPrincipalType
  }
}
