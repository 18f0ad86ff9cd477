// The account of the EST server: the state of its host, and its package, with the role on it. It has its own, because the identity of
// an app owns what is in the account of its host: in the account of the API that would be manifests, bundles and keys of callers.
param name string
param location string
param tags object
@description('Identity of the EST server.')
param principalId string
param workspaceId string
@description('Address ranges that the firewall admits beside the private endpoint. Without a private endpoint everyone may try.')
param allowedIpRanges array
@description('Whether the modules of the registry report their use to Microsoft.')
param moduleTelemetry bool
@description('Empty: no private endpoint. The host uses the public endpoint, by identity only.')
param privateEndpointSubnetId string
param blobDnsZoneId string

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage
var storageBlobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'

var private = !empty(privateEndpointSubnetId)

module account 'br/public:avm/res/storage/storage-account:0.33.0' = {
  name: 'est-storage-account'
  params: {
    enableTelemetry: moduleTelemetry
    name: name
    location: location
    tags: tags
    kind: 'StorageV2'
    skuName: 'Standard_LRS'
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: private && empty(allowedIpRanges) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: private ? 'Deny' : 'Allow'
      ipRules: private ? map(allowedIpRanges, range => { value: range, action: 'Allow' }) : []
    }
    blobServices: {
      containers: [
        { name: 'app-package', publicAccess: 'None' }
      ]
    }
    privateEndpoints: private
      ? [
          {
            service: 'blob'
            subnetResourceId: privateEndpointSubnetId
            privateDnsZoneGroup: {
              privateDnsZoneGroupConfigs: [{ privateDnsZoneResourceId: blobDnsZoneId }]
            }
          }
        ]
      : []
  }
}

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: name

  resource blobs 'blobServices' existing = {
    name: 'default'
  }
}

// The host leases blobs and keeps its secrets in containers that it creates. The platform reads the package.
resource estOnBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage.id, principalId, storageBlobDataOwner)
  scope: storage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataOwner)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
  dependsOn: [account]
}

// Who changed the package, or a key of the host.
resource blobLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: storage::blobs
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'StorageWrite', enabled: true }
      { category: 'StorageDelete', enabled: true }
    ]
  }
  dependsOn: [account]
}

output name string = account.outputs.name
output blobServiceUri string = account.outputs.serviceEndpoints.blob
output queueServiceUri string = account.outputs.serviceEndpoints.queue
