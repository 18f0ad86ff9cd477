// Logs of who wrote, deleted and read data. The app's own log does not have them: a principal with a role on storage or Cosmos DB does
// not need the app.
param storageAccountName string
param cosmosAccountName string
param workspaceId string
@description('Also each read of a blob and each request to the data of Cosmos DB. Writes to storage and changes of the account are logged always.')
param everyRequest bool

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageAccountName

  resource blobs 'blobServices' existing = {
    name: 'default'
  }

  resource queues 'queueServices' existing = {
    name: 'default'
  }
}

resource cosmos 'Microsoft.DocumentDB/databaseAccounts@2024-11-15' existing = {
  name: cosmosAccountName
}

// Reads: a bundle can hold a private key.
// https://learn.microsoft.com/azure/storage/blobs/monitor-blob-storage-reference#resource-logs
resource blobLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: storage::blobs
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'StorageRead', enabled: everyRequest }
      { category: 'StorageWrite', enabled: true }
      { category: 'StorageDelete', enabled: true }
    ]
  }
}

// No reads: the host polls every queue all day, and those lines would be most of the workspace.
// https://learn.microsoft.com/azure/storage/queues/monitor-queue-storage-reference#resource-logs
resource queueLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: storage::queues
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'StorageWrite', enabled: true }
      { category: 'StorageDelete', enabled: true }
    ]
  }
}

// Tables of their own, which cost less than the shared table AzureDiagnostics.
// https://learn.microsoft.com/azure/cosmos-db/monitor-resource-logs
resource cosmosLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: cosmos
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [
      { category: 'DataPlaneRequests', enabled: everyRequest }
      { category: 'ControlPlaneRequests', enabled: true }
    ]
  }
}
