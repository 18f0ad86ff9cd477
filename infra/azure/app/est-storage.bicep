// The account of the EST server: the state of its host, and its package. It has its own, because the identity of an app owns what is
// in the account of its host: in the account of the API that would be manifests, bundles and keys of callers.
param name string
param location string
param tags object
@description('Empty: no private endpoint. The host uses the public endpoint, by identity only.')
param privateEndpointSubnetId string
param blobDnsZoneId string

var private = !empty(privateEndpointSubnetId)

module account 'br/public:avm/res/storage/storage-account:0.33.0' = {
  name: 'est-storage-account'
  params: {
    name: name
    location: location
    tags: tags
    kind: 'StorageV2'
    skuName: 'Standard_LRS'
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: private ? 'Deny' : 'Allow'
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

output name string = account.outputs.name
output blobServiceUri string = account.outputs.serviceEndpoints.blob
output queueServiceUri string = account.outputs.serviceEndpoints.queue
