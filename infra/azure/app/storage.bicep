// One account for the state of the host, the deployed package, manifests, bundles, reports and all queues.
param name string
param location string
param tags object
param bundleRetentionDays int
param manifestRetentionDays int
@description('Days for which no blob of the audit trail can be changed or deleted.')
param auditRetentionDays int
@description('Address ranges that the firewall admits beside the private endpoint. Without a private endpoint everyone may try.')
param allowedIpRanges array
@description('Whether the modules of the registry report their use to Microsoft.')
param moduleTelemetry bool
@description('Empty: no private endpoint. Clients use the public endpoint, by identity only.')
param privateEndpointSubnetId string
param blobDnsZoneId string
param queueDnsZoneId string

var private = !empty(privateEndpointSubnetId)

var undeliveredEvents = 'undelivered-events'

var queueNames = [
  'manifest-uploads'
  'orders'
  'chunks'
  'individual-enrollments'
  'device-blocks'
  'event-deliveries'
]

module account 'br/public:avm/res/storage/storage-account:0.33.0' = {
  name: 'storage-account'
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
    publicNetworkAccess: 'Enabled'
    // Event Grid delivers by the identity of its topic as a trusted service. That needs the bypass, and the bypass needs the public
    // endpoint. With a private endpoint, the public one denies all other clients but those of allowedIpRanges.
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: private ? 'Deny' : 'Allow'
      ipRules: private ? map(allowedIpRanges, range => { value: range, action: 'Allow' }) : []
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
        // One blob per task that must run on one instance at a time (blob lease).
        { name: 'locks', publicAccess: 'None' }
        // The audit trail. What is never overwritten has the immutability policy below; its head is written again and again.
        { name: 'audit', publicAccess: 'None' }
        { name: 'audit-head', publicAccess: 'None' }
        // Events that Event Grid could not deliver. Nothing reads or deletes them but people.
        { name: undeliveredEvents, publicAccess: 'None' }
      ]
    }
    queueServices: {
      // The poison queues are created here, so that their triggers find them at the first start.
      queues: concat(
        map(queueNames, queue => { name: queue }),
        map(queueNames, queue => { name: '${queue}-poison' }),
        // Events of the hub, and events of the app for other systems.
        [{ name: 'device-events' }, { name: 'fleet-events' }]
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
          actions: {
            baseBlob: { delete: { daysAfterModificationGreaterThan: manifestRetentionDays } }
            // A job reads a snapshot of its manifest. Without this rule, snapshots would stay forever.
            snapshot: { delete: { daysAfterCreationGreaterThan: manifestRetentionDays } }
          }
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

// Deployed unlocked, so that a trial can be deleted. docs/audit.md says how to lock it; a locked policy can only be extended.
// Segments of the intake are append blobs and have to grow; block blobs cannot.
resource auditPolicy 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2024-01-01' = {
  #disable-next-line use-parent-property
  name: '${name}/default/audit/default'
  properties: {
    immutabilityPeriodSinceCreationInDays: auditRetentionDays
    allowProtectedAppendWrites: true
    allowProtectedAppendWritesAll: false
  }
  dependsOn: [account]
}

output id string = account.outputs.resourceId
output name string = account.outputs.name
output undeliveredEventsName string = undeliveredEvents
output blobServiceUri string = account.outputs.serviceEndpoints.blob
output queueServiceUri string = account.outputs.serviceEndpoints.queue
