// Sends events of a system topic to a queue, so nothing polls and Event Grid calls no endpoint of the app. Event Grid checks the
// identity of the topic when the subscription is made. So the roles of delivery-roles.bicep come much earlier.
param topicName string
param name string
param storageAccountName string
param queueName string
param deadLetterContainerName string
@description('-1: messages never expire.')
param messageSeconds int
param eventTypes array
@description('Empty: events of every subject.')
param subjectBeginsWith string

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageAccountName
}

resource topic 'Microsoft.EventGrid/systemTopics@2022-06-15' existing = {
  name: topicName
}

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2022-06-15' = {
  parent: topic
  name: name
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    deliveryWithResourceIdentity: {
      identity: {
        type: 'SystemAssigned'
      }
      destination: {
        endpointType: 'StorageQueue'
        properties: {
          resourceId: storage.id
          queueName: queueName
          queueMessageTimeToLiveInSeconds: messageSeconds
        }
      }
    }
    filter: {
      includedEventTypes: eventTypes
      subjectBeginsWith: subjectBeginsWith
    }
    // The maximum time for which Event Grid keeps an event that it cannot deliver. Then it goes to the container.
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
    deadLetterWithResourceIdentity: {
      identity: {
        type: 'SystemAssigned'
      }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: {
          resourceId: storage.id
          blobContainerName: deadLetterContainerName
        }
      }
    }
  }
}
