// Role assignments on the storage account of the data, made as soon as it exists: code deployment and the first start of an app
// need them, and a role takes minutes to reach everywhere. Each is the narrowest role that suffices; a comment says what needs it.
// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage
param storageAccountName string
param appPrincipalId string
param estPrincipalId string
@description('Empty: nobody.')
param operatorPrincipalId string
param operatorPrincipalType string

var builtInRoles = {
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageBlobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  storageBlobDataReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  storageQueueDataMessageSender: 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
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

    resource audit 'containers' existing = {
      name: 'audit'
    }

    resource auditHead 'containers' existing = {
      name: 'audit-head'
    }
  }

  resource queues 'queueServices' existing = {
    name: 'default'

    resource orders 'queues' existing = {
      name: 'orders'
    }
  }
}

// The app takes and reads snapshots of manifests. The host leases blobs, and keeps its secrets and timers in containers that it
// creates in the same account. The platform reads the package with this identity.
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

// Each signature of the EST server is between two entries of the audit trail. The policy of the container lets nobody change or
// delete what is in it.
resource estOnAudit 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage::blobs::audit.id, estPrincipalId, builtInRoles.storageBlobDataContributor)
  scope: storage::blobs::audit
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.storageBlobDataContributor
    )
    principalId: estPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Says which blob of the audit trail takes entries.
resource estOnAuditHead 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage::blobs::auditHead.id, estPrincipalId, builtInRoles.storageBlobDataReader)
  scope: storage::blobs::auditHead
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtInRoles.storageBlobDataReader)
    principalId: estPrincipalId
    principalType: 'ServicePrincipal'
  }
}

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
