// Sends an event per upload to the queue manifest-uploads, so nothing polls and Event Grid calls no endpoint of the app.
param storageTopicName string
param hubTopicName string
param location string
param tags object
param storageAccountName string
param hubName string
param routeDeviceEvents bool
@description('Identity with which Event Grid delivers events.')
param identityId string
param principalId string

// Storage Queue Data Message Sender: can only add messages.
var queueDataMessageSender = 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'

// The maximum time for which Event Grid keeps an event that it cannot deliver.
var retryPolicy = {
  maxDeliveryAttempts: 30
  eventTimeToLiveInMinutes: 1440
}

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageAccountName

  resource queues 'queueServices' existing = {
    name: 'default'

    resource manifestUploads 'queues' existing = {
      name: 'manifest-uploads'
    }

    resource deviceEvents 'queues' existing = {
      name: 'device-events'
    }
  }
}

resource hub 'Microsoft.Devices/IotHubs@2023-06-30' existing = {
  name: hubName
}

resource senderOfUploads 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage::queues::manifestUploads.id, identityId, queueDataMessageSender)
  scope: storage::queues::manifestUploads
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', queueDataMessageSender)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource storageTopic 'Microsoft.EventGrid/systemTopics@2022-06-15' = {
  name: storageTopicName
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    source: storage.id
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

resource manifestUploads 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2022-06-15' = {
  parent: storageTopic
  name: 'manifest-uploads'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    deliveryWithResourceIdentity: {
      identity: {
        type: 'UserAssigned'
        userAssignedIdentity: identityId
      }
      destination: {
        endpointType: 'StorageQueue'
        properties: {
          resourceId: storage.id
          queueName: 'manifest-uploads'
          // Never expires, so that no upload is lost while the app is stopped.
          queueMessageTimeToLiveInSeconds: -1
        }
      }
    }
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      // No filter by suffix: every blob gets an answer, also one that is not a manifest.
      subjectBeginsWith: '/blobServices/default/containers/manifests/blobs/'
    }
    retryPolicy: retryPolicy
  }
  dependsOn: [senderOfUploads]
}

resource senderOfDeviceEvents 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (routeDeviceEvents) {
  name: guid(storage::queues::deviceEvents.id, identityId, queueDataMessageSender)
  scope: storage::queues::deviceEvents
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', queueDataMessageSender)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource hubTopic 'Microsoft.EventGrid/systemTopics@2022-06-15' = if (routeDeviceEvents) {
  name: hubTopicName
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    source: hub.id
    topicType: 'Microsoft.Devices.IoTHubs'
  }
}

resource deviceEvents 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2022-06-15' = if (routeDeviceEvents) {
  parent: hubTopic
  name: 'device-events'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    deliveryWithResourceIdentity: {
      identity: {
        type: 'UserAssigned'
        userAssignedIdentity: identityId
      }
      destination: {
        endpointType: 'StorageQueue'
        properties: {
          resourceId: storage.id
          queueName: 'device-events'
          queueMessageTimeToLiveInSeconds: 604800
        }
      }
    }
    filter: {
      includedEventTypes: [
        'Microsoft.Devices.DeviceCreated'
        'Microsoft.Devices.DeviceDeleted'
        'Microsoft.Devices.DeviceConnected'
        'Microsoft.Devices.DeviceDisconnected'
      ]
    }
    retryPolicy: retryPolicy
  }
  dependsOn: [senderOfDeviceEvents]
}
