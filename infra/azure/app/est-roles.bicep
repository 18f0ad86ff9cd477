// Role assignments of the EST server, which anyone with a client certificate can reach. It has no right to manifests, bundles,
// reports, queues, jobs, secrets of webhooks, enrollments, or the registry of the hub.
param principalId string
@description('Account of its own host.')
param hostStorageAccountName string
@description('Account of the audit trail.')
param storageAccountName string
param cosmosAccountName string
param cosmosDatabaseName string
param keyVaultName string
@description('Role definition that creates, reads and signs with CA keys.')
param caSignerRoleId string
@description('Role definition that reads the metadata of the Cosmos DB account.')
param metadataReaderRoleId string
param hubName string
param dpsName string
param componentName string

var builtInRoles = {
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageBlobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  storageBlobDataReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  dpsDataReader: '10745317-c249-44a1-a5ce-3a4353c0bbd8'
  hubDataReader: 'b447c946-2db7-41ec-983d-d8bf3b1c77e3'
  hubTwinContributor: '494bdba2-168f-4f31-a0a1-191d2f7c028c'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
}

// Records of devices; groups, whose CA for est-ids is made when the first device asks; findings; counters of requests.
var cosmosContainers = ['devices', 'groups', 'findings', 'events']

resource hostStorage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: hostStorageAccountName
}

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageAccountName

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource audit 'containers' existing = {
      name: 'audit'
    }

    resource auditHead 'containers' existing = {
      name: 'audit-head'
    }
  }
}

resource cosmos 'Microsoft.DocumentDB/databaseAccounts@2024-11-15' existing = {
  name: cosmosAccountName
}

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: keyVaultName
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

// The host leases blobs and keeps its secrets in containers that it creates. The platform reads the package.
resource onHostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hostStorage.id, principalId, builtInRoles.storageBlobDataOwner)
  scope: hostStorage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtInRoles.storageBlobDataOwner)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// Each signature is between two entries of the audit trail. The policy of the container lets nobody change or delete what is in it.
resource onAudit 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage::blobs::audit.id, principalId, builtInRoles.storageBlobDataContributor)
  scope: storage::blobs::audit
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.storageBlobDataContributor
    )
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// Says which blob of the audit trail takes entries.
resource onAuditHead 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage::blobs::auditHead.id, principalId, builtInRoles.storageBlobDataReader)
  scope: storage::blobs::auditHead
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.storageBlobDataReader
    )
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// The built-in Data Contributor (…0002), for these containers only.
resource onContainers 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2024-11-15' = [
  for container in cosmosContainers: {
    parent: cosmos
    name: guid(cosmos.id, principalId, cosmosDatabaseName, container, 'data-contributor')
    properties: {
      roleDefinitionId: '${cosmos.id}/sqlRoleDefinitions/00000000-0000-0000-0000-000000000002'
      principalId: principalId
      scope: '${cosmos.id}/dbs/${cosmosDatabaseName}/colls/${container}'
    }
  }
]

// The built-in Data Reader (…0001): the certificates of CAs that workers of the API made for themselves, and which are blocked.
resource onDelegatedCas 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2024-11-15' = {
  parent: cosmos
  name: guid(cosmos.id, principalId, cosmosDatabaseName, 'delegated-cas', 'data-reader')
  properties: {
    roleDefinitionId: '${cosmos.id}/sqlRoleDefinitions/00000000-0000-0000-0000-000000000001'
    principalId: principalId
    scope: '${cosmos.id}/dbs/${cosmosDatabaseName}/colls/delegated-cas'
  }
}

resource onAccountMetadata 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2024-11-15' = {
  parent: cosmos
  name: guid(cosmos.id, principalId, 'metadata-reader')
  properties: {
    roleDefinitionId: metadataReaderRoleId
    principalId: principalId
    scope: cosmos.id
  }
}

// It signs with the CA keys of groups, and makes the CA of their est-ids where a group asks for a separate one. Key Vault has no role
// for some keys of a vault by name before they exist, so this is the right of the API.
resource onVault 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, principalId, caSignerRoleId)
  scope: vault
  properties: {
    roleDefinitionId: caSignerRoleId
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// Whether a device has registered with the identity that it got last.
resource onDps 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(dps.id, principalId, builtInRoles.dpsDataReader)
  scope: dps
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtInRoles.dpsDataReader)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// Which certificate the hub knows of a device.
resource onHub 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hub.id, principalId, builtInRoles.hubDataReader)
  scope: hub
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtInRoles.hubDataReader)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// A registration that it is the first to see counts once the twin of the device is merged.
resource onTwins 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hub.id, principalId, builtInRoles.hubTwinContributor)
  scope: hub
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtInRoles.hubTwinContributor)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource onTelemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(component.id, principalId, builtInRoles.monitoringMetricsPublisher)
  scope: component
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.monitoringMetricsPublisher
    )
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
