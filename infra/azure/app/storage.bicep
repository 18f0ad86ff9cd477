// One account for the host's own state, the deployed package, manifests, bundles, reports and all queues.
param name string
param location string
param tags object
param bundleRetentionDays int
param manifestRetentionDays int
@description('Empty: reached through its public endpoint, still by identity only.')
param privateEndpointSubnetId string
param blobDnsZoneId string
param queueDnsZoneId string

var private = !empty(privateEndpointSubnetId)

var queueNames = [
  'manifest-uploads'
  'orders'
  'chunks'
  'individual-enrollments'
]

module account 'br/public:avm/res/storage/storage-account:0.33.0' = {
  name: 'storage-account'
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
    publicNetworkAccess: 'Enabled'
    // Event Grid is a trusted service and delivers by identity. That needs the bypass, and the bypass needs the public
    // endpoint to exist: with vnetEnabled it is there and denies everybody else.
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: private ? 'Deny' : 'Allow'
    }
    blobServices: {
      containerDeleteRetentionPolicyEnabled: true
      containerDeleteRetentionPolicyDays: 7
      deleteRetentionPolicyEnabled: true
      deleteRetentionPolicyDays: 7
      containers: [
        { name: 'app-package', publicAccess: 'None' }
        { name: 'manifests', publicAccess: 'None' }
        { name: 'bundles', publicAccess: 'None' }
        { name: 'reports', publicAccess: 'None' }
        // One blob a thing that only one instance does at a time; its lease is the turn.
        { name: 'locks', publicAccess: 'None' }
      ]
    }
    queueServices: {
      // The poison queues are made here too, so that their triggers have something to listen to from the first minute.
      queues: concat(
        map(queueNames, queue => { name: queue }),
        map(queueNames, queue => { name: '${queue}-poison' }),
        [{ name: 'device-events' }]
      )
    }
    managementPolicyRules: [
      {
        name: 'delete-old-bundles'
        enabled: true
        type: 'Lifecycle'
        definition: {
          filters: { blobTypes: ['blockBlob'], prefixMatch: ['bundles/'] }
          actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: bundleRetentionDays } } }
        }
      }
      {
        name: 'delete-old-manifests-and-reports'
        enabled: true
        type: 'Lifecycle'
        definition: {
          filters: { blobTypes: ['blockBlob'], prefixMatch: ['manifests/', 'reports/'] }
          actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: manifestRetentionDays } } }
        }
      }
    ]
    privateEndpoints: private
      ? [
          {
            service: 'blob'
            subnetResourceId: privateEndpointSubnetId
            privateDnsZoneGroup: {
              privateDnsZoneGroupConfigs: [{ privateDnsZoneResourceId: blobDnsZoneId }]
            }
          }
          {
            service: 'queue'
            subnetResourceId: privateEndpointSubnetId
            privateDnsZoneGroup: {
              privateDnsZoneGroupConfigs: [{ privateDnsZoneResourceId: queueDnsZoneId }]
            }
          }
        ]
      : []
  }
}

output name string = account.outputs.name
output blobServiceUri string = account.outputs.serviceEndpoints.blob
output queueServiceUri string = account.outputs.serviceEndpoints.queue
