// The events of a resource, with an identity with which Event Grid delivers them. The identity is the topic's own: with a user-assigned
// one, Event Grid does not get through the firewall of a storage account, whatever services that trusts.
// https://learn.microsoft.com/azure/event-grid/handler-storage-queues
param name string
param location string
param tags object
param sourceId string
param topicType string
param workspaceId string

resource topic 'Microsoft.EventGrid/systemTopics@2022-06-15' = {
  name: name
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    source: sourceId
    topicType: topicType
  }
}

// Each attempt that failed, with its error.
// https://learn.microsoft.com/azure/azure-monitor/reference/supported-logs/microsoft-eventgrid-systemtopics-logs
resource topicLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: topic
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'DeliveryFailures', enabled: true }]
  }
}

output id string = topic.id
output name string = topic.name
output principalId string = topic.identity.principalId
