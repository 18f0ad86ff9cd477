// What Event Grid needs to deliver the events of a topic: the queue, and the container for what it cannot deliver. It is a file of its
// own, because the name of a role assignment must be known when the deployment of its file begins, and a topic learns its principal
// only when it is made.
param storageAccountName string
param queueName string
param deadLetterContainerName string
@description('Identity of the topic.')
param principalId string

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage
var builtInRoles = {
  // Can only add messages.
  storageQueueDataMessageSender: 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
  // https://learn.microsoft.com/azure/event-grid/dead-letter-event-delivery
  storageBlobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
}

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageAccountName

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource deadLetters 'containers' existing = {
      name: deadLetterContainerName
    }
  }

  resource queues 'queueServices' existing = {
    name: 'default'

    resource queue 'queues' existing = {
      name: queueName
    }
  }
}

resource onQueue 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage::queues::queue.id, principalId, builtInRoles.storageQueueDataMessageSender)
  scope: storage::queues::queue
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.storageQueueDataMessageSender
    )
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource onDeadLetters 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage::blobs::deadLetters.id, principalId, builtInRoles.storageBlobDataContributor)
  scope: storage::blobs::deadLetters
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.storageBlobDataContributor
    )
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
