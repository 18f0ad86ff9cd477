// The whole deployment, for an empty subscription. See docs/deploy.md.
targetScope = 'subscription'

@minLength(1)
@maxLength(64)
@description('Name of the environment; azd asks for it. All resource names and tags derive from it. It must not end with a dot.')
param environmentName string

@minLength(1)
@description('Region of all resources. It must offer Functions Flex Consumption and the Device Provisioning Service.')
@metadata({ azd: { type: 'location' } })
param location string

@description('Principal that may upload manifests, send orders and read reports with its own sign-in. Empty: none.')
param operatorPrincipalId string = ''

@allowed(['User', 'Group', 'ServicePrincipal'])
param operatorPrincipalType string = 'User'

@description('Puts storage, Cosmos DB and Key Vault behind private endpoints, and the app in a virtual network.')
param vnetEnabled bool = false

@description('With vnetEnabled: addresses and ranges outside that may reach storage, Cosmos DB and the key vaults too, separated by commas, such as 203.0.113.7,198.51.100.0/24. Storage takes no /31 and /32: write the addresses.')
param allowedIpRanges string = ''

@allowed(['serverless', 'autoscale'])
@description('Serverless costs nothing at rest and gives up to 5,000 RU/s per container. Autoscale is for fleets that provision all day.')
param cosmosCapacity string = 'serverless'

@minValue(1000)
@description('Maximum RU/s of the devices container with autoscale, in steps of 1000.')
param cosmosMaxThroughput int = 4000

@allowed(['22', '24'])
@description('Node.js version of the app.')
param nodeVersion string = '24'

// Not 512: there, a request of 40 MB ends the worker and one of 60 MB the host, and a start takes half a minute (docs/host.md).
@allowed([2048, 4096])
@description('Memory of an instance in MB. 2048 has one core, 4096 two cores.')
param instanceMemoryMB int = 2048

@minValue(40)
@maxValue(1000)
@description('Maximum number of instances. The quota is 250 cores per region and subscription.')
param maximumInstanceCount int = 40

@allowed(['S1', 'S2', 'S3'])
param iotHubSku string = 'S1'

@minValue(1)
param iotHubUnits int = 1

@maxLength(9)
@description('More DPS instances, each with a hub of its own, for a fleet that one does not hold: enrollment groups name them (docs/stamps.md). A subscription has 10 instances.')
param dpsInstances dpsInstance[] = []

@allowed(['standard', 'premium'])
@description('Premium: new CA keys are made in a hardware security module (EC-HSM, RSA-HSM), which they cannot leave. Keys that were made with standard stay in software until their CA is rolled over.')
param keyVaultSku string = 'standard'

@minValue(1)
@description('Days after which bundles are deleted. A bundle is meant to be downloaded once.')
param bundleRetentionDays int = 90

@minValue(1)
@description('Days after which manifests and reports are deleted.')
param manifestRetentionDays int = 365

@description('Days for which the storage account refuses to change or delete what is in the audit trail: 10 years, as technical documents are kept by Regulation (EU) 2024/2847, Article 13(13). docs/audit.md')
@minValue(1)
@maxValue(146000)
param auditRetentionDays int = 3653

@minValue(0)
@maxValue(36500)
@description('Days after which the record of a scrapped device is deleted, but never before its last certificate has ended: until then the record keeps its id from being enrolled again. 0: never. It is evidence of which devices existed; Regulation (EU) 2024/2847, Article 13(13), asks for documents for 10 years. docs/retention.md')
param scrappedDeviceRetentionDays int = 0

@minValue(0)
@maxValue(36500)
@description('Days after its end after which a job is deleted, 30 at least. 0: never. No renewal needs a job; a retry of its failed rows does. docs/retention.md')
param jobRetentionDays int = 0

@minValue(0)
@maxValue(36500)
@description('Days after which a dead letter that was redriven or discarded is deleted. One that waits never is. 0: never. A letter is the only copy of a message, with the name of who discarded it. docs/retention.md')
param deadLetterRetentionDays int = 0

@minValue(0)
@maxValue(36500)
@description('Days after which a finding that is gone is deleted. Any other one never is. 0: never. Findings show when a device could get in that should not; a notification by Regulation (EU) 2024/2847, Article 14, may have to name that time. docs/retention.md')
param findingRetentionDays int = 0

@description('Allows enrollment groups with key custody "plain", whose bundles have unencrypted private keys.')
param allowPlainKeys bool = false

@minValue(1)
@maxValue(1000)
param chunkRows int = 400

@description('When registrations are reconciled with DPS. NCRONTAB, UTC.')
param reconcileSchedule string = '0 */10 * * * *'

@description('When a sweep over the whole fleet begins. NCRONTAB, UTC.')
param sweepSchedule string = '0 0 1 * * *'

@description('Common name of the root certificate. Used once, when the root is created.')
param rootCaName string = 'Fleet root CA'

@description('Sends device life-cycle events of the hub to the queue device-events, for a consumer of your own.')
param routeDeviceEvents bool = false

@description('Makes an Event Grid topic that gets the events of the app. docs/integrations.md')
param publishEvents bool = false

@description('Announces each device that DPS assigns. Costs one write to Cosmos DB per device.')
param assignedEvents bool = false

@description('Address of the app, as others reach it, such as https://fleet.example.com: the source of its events. Empty: the host name of the function app.')
param publicUrl string = ''

@description('Address of the EST server, as devices reach it, such as https://est.example.com. Bundles have it for as long as their devices live. Empty: the host name of its function app.')
param estUrl string = ''

@description('Application (client) id of an Entra app registration with the app roles of app-roles.json. Callers sign in with it. Empty: callers use function keys.')
param entraClientId string = ''

@description('Client ids of the applications that call the API with a sign-in, separated by commas. The platform lets no others in, beside the app registration itself and the Azure CLI.')
param entraAllowedApplications string = ''

@allowed(['none', 'est'])
@description('Which URLs in the definition of an enrollment group may name a private address: none, or those of EST servers.')
param allowPrivateUrls string = 'none'

@description('Logs also each read of a blob and each request to the data in Cosmos DB. Billed per gigabyte by Log Analytics.')
param dataPlaneLogs bool = true

@description('Email address that receives alerts. Empty: alerts show in the portal only.')
param alertEmail string = ''

@description('The modules of the public registry (Azure Verified Modules) report to Microsoft that they were deployed.')
param moduleTelemetry bool = false

type dpsInstance = {
  @description('As groups have it in their setting dps: 1 to 32 of a-z, 0-9 and "-".')
  @minLength(1)
  @maxLength(32)
  name: string
  @description('Region. Default: that of the deployment.')
  location: string?
  hubSku: ('S1' | 'S2' | 'S3')?
  @minValue(1)
  hubUnits: int?
}

var abbreviations = loadJsonContent('abbreviations.json')
// Roles that are limited to enrollment groups: docs/settings.md, GROUP_ROLES.
var groupRoles = loadJsonContent('group-roles.json')
var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
// Azure refuses the name of a group that ends with a dot, and azd allows one in the name of an environment.
var groupName = endsWith(environmentName, '.')
  ? fail('environmentName must not end with a dot: the resource group is named after it')
  : '${abbreviations.resourcesResourceGroups}${environmentName}'
var ipRanges = empty(allowedIpRanges) ? [] : map(split(allowedIpRanges, ','), range => trim(range))
var allowedApplications = empty(entraAllowedApplications)
  ? []
  : map(split(entraAllowedApplications, ','), application => trim(application))
var functionAppName = '${abbreviations.webSitesFunctions}${token}'
var estAppName = '${abbreviations.webSitesFunctions}est-${token}'

// What both apps need.
var sharedSettings = {
  COSMOS_ENDPOINT: cosmos.outputs.endpoint
  COSMOS_DATABASE: cosmos.outputs.databaseName
  DPS_SERVICE_HOST: dps.outputs.serviceHost
  DPS_ID_SCOPE: dps.outputs.idScope
  DPS_INSTANCES: instancesSetting.outputs.setting
  KEY_VAULT_URL: keyVault.outputs.uri
  CA_KEY_PROTECTION: keyVaultSku == 'premium' ? 'hsm' : 'software'
  AUDIT_VAULT_URL: auditVault.outputs.uri
  ROOT_CA_NAME: rootCaName
  RECONCILE_SCHEDULE: reconcileSchedule
  // An empty setting counts as not set: records are kept.
  SCRAPPED_DEVICE_RETENTION_DAYS: scrappedDeviceRetentionDays == 0 ? '' : string(scrappedDeviceRetentionDays)
  JOB_RETENTION_DAYS: jobRetentionDays == 0 ? '' : string(jobRetentionDays)
  DEAD_LETTER_RETENTION_DAYS: deadLetterRetentionDays == 0 ? '' : string(deadLetterRetentionDays)
  FINDING_RETENTION_DAYS: findingRetentionDays == 0 ? '' : string(findingRetentionDays)
  ASSIGNED_EVENTS: assignedEvents ? 'true' : 'false'
}

// The order of what follows: identities; each store, then the roles on it; hubs and Cosmos DB; DPS; the apps; event subscriptions. A role
// takes minutes to reach everywhere, and what needs it comes as late as it can. dependsOn has the waits that no output needs.
resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: groupName
  location: location
  tags: tags
}

module appIdentity 'br/public:avm/res/managed-identity/user-assigned-identity:0.6.0' = {
  name: 'identity-app'
  scope: group
  params: {
    enableTelemetry: moduleTelemetry
    name: '${abbreviations.managedIdentityUserAssignedIdentities}app-${token}'
    location: location
    tags: tags
  }
}

// The EST server has its own, with fewer rights: devices call it.
module estIdentity 'br/public:avm/res/managed-identity/user-assigned-identity:0.6.0' = {
  name: 'identity-est'
  scope: group
  params: {
    enableTelemetry: moduleTelemetry
    name: '${abbreviations.managedIdentityUserAssignedIdentities}est-${token}'
    location: location
    tags: tags
  }
}

// DPS has its own, so that it has no right of the app. Event Grid delivers by the identity of each topic.
module dpsIdentity 'br/public:avm/res/managed-identity/user-assigned-identity:0.6.0' = {
  name: 'identity-dps'
  scope: group
  params: {
    enableTelemetry: moduleTelemetry
    name: '${abbreviations.managedIdentityUserAssignedIdentities}dps-${token}'
    location: location
    tags: tags
  }
}

module monitoring 'app/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    workspaceName: '${abbreviations.operationalInsightsWorkspaces}${token}'
    componentName: '${abbreviations.insightsComponents}${token}'
    location: location
    tags: tags
    senderPrincipalIds: [appIdentity.outputs.principalId, estIdentity.outputs.principalId]
    moduleTelemetry: moduleTelemetry
  }
}

module network 'app/network.bicep' = if (vnetEnabled) {
  name: 'network'
  scope: group
  params: {
    name: '${abbreviations.networkVirtualNetworks}${token}'
    location: location
    tags: tags
    moduleTelemetry: moduleTelemetry
  }
}

module storage 'app/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: '${abbreviations.storageStorageAccounts}${token}'
    location: location
    tags: tags
    bundleRetentionDays: bundleRetentionDays
    manifestRetentionDays: manifestRetentionDays
    auditRetentionDays: auditRetentionDays
    allowedIpRanges: ipRanges
    moduleTelemetry: moduleTelemetry
    privateEndpointSubnetId: vnetEnabled ? network!.outputs.privateEndpointSubnetId : ''
    blobDnsZoneId: vnetEnabled ? network!.outputs.blobDnsZoneId : ''
    queueDnsZoneId: vnetEnabled ? network!.outputs.queueDnsZoneId : ''
  }
}

module storageRoles 'app/storage-roles.bicep' = {
  name: 'storage-roles'
  scope: group
  params: {
    storageAccountName: storage.outputs.name
    appPrincipalId: appIdentity.outputs.principalId
    estPrincipalId: estIdentity.outputs.principalId
    operatorPrincipalId: operatorPrincipalId
    operatorPrincipalType: operatorPrincipalType
  }
}

module uploadsTopic 'app/system-topic.bicep' = {
  name: 'uploads-topic'
  scope: group
  params: {
    name: '${abbreviations.eventGridSystemTopics}manifests-${token}'
    location: location
    tags: tags
    sourceId: storage.outputs.id
    topicType: 'Microsoft.Storage.StorageAccounts'
    workspaceId: monitoring.outputs.workspaceId
  }
}

module uploadsRoles 'app/delivery-roles.bicep' = {
  name: 'uploads-roles'
  scope: group
  params: {
    storageAccountName: storage.outputs.name
    queueName: 'manifest-uploads'
    deadLetterContainerName: storage.outputs.undeliveredEventsName
    principalId: uploadsTopic.outputs.principalId
  }
}

module estStorage 'app/est-storage.bicep' = {
  name: 'est-storage'
  scope: group
  params: {
    name: '${abbreviations.storageStorageAccounts}est${token}'
    location: location
    tags: tags
    principalId: estIdentity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
    allowedIpRanges: ipRanges
    moduleTelemetry: moduleTelemetry
    privateEndpointSubnetId: vnetEnabled ? network!.outputs.privateEndpointSubnetId : ''
    blobDnsZoneId: vnetEnabled ? network!.outputs.blobDnsZoneId : ''
  }
}

module keyVault 'app/key-vault.bicep' = {
  name: 'key-vault'
  scope: group
  params: {
    name: '${abbreviations.keyVaultVaults}${token}'
    location: location
    tags: tags
    sku: keyVaultSku
    workspaceId: monitoring.outputs.workspaceId
    allowedIpRanges: ipRanges
    moduleTelemetry: moduleTelemetry
    privateEndpointSubnetId: vnetEnabled ? network!.outputs.privateEndpointSubnetId : ''
    dnsZoneId: vnetEnabled ? network!.outputs.vaultDnsZoneId : ''
  }
}

// A vault of its own, so that the role that signs certificates cannot sign another audit trail.
module auditVault 'app/key-vault.bicep' = {
  name: 'audit-vault'
  scope: group
  params: {
    name: '${abbreviations.keyVaultVaults}a${token}'
    location: location
    tags: tags
    sku: keyVaultSku
    signers: ['audit']
    workspaceId: monitoring.outputs.workspaceId
    allowedIpRanges: ipRanges
    moduleTelemetry: moduleTelemetry
    privateEndpointSubnetId: vnetEnabled ? network!.outputs.privateEndpointSubnetId : ''
    dnsZoneId: vnetEnabled ? network!.outputs.vaultDnsZoneId : ''
  }
}

module vaultRoles 'app/vault-roles.bicep' = {
  name: 'vault-roles'
  scope: group
  params: {
    appPrincipalId: appIdentity.outputs.principalId
    estPrincipalId: estIdentity.outputs.principalId
    keyVaultName: keyVault.outputs.name
    auditVaultName: auditVault.outputs.name
  }
}

module cosmos 'app/cosmos.bicep' = {
  name: 'cosmos'
  scope: group
  params: {
    name: '${abbreviations.documentDBDatabaseAccounts}${token}'
    location: location
    tags: tags
    capacity: cosmosCapacity
    maxThroughput: cosmosMaxThroughput
    allowedIpRanges: ipRanges
    moduleTelemetry: moduleTelemetry
    privateEndpointSubnetId: vnetEnabled ? network!.outputs.privateEndpointSubnetId : ''
    dnsZoneId: vnetEnabled ? network!.outputs.cosmosDnsZoneId : ''
  }
  dependsOn: [storageRoles, uploadsRoles, vaultRoles]
}

module cosmosRoles 'app/cosmos-roles.bicep' = {
  name: 'cosmos-roles'
  scope: group
  params: {
    accountName: cosmos.outputs.name
    databaseName: cosmos.outputs.databaseName
    appPrincipalId: appIdentity.outputs.principalId
    estPrincipalId: estIdentity.outputs.principalId
  }
}

module hub 'app/hub.bicep' = {
  name: 'hub'
  scope: group
  params: {
    name: '${abbreviations.devicesIotHubs}${token}'
    location: location
    tags: tags
    sku: iotHubSku
    units: iotHubUnits
    dpsPrincipalId: dpsIdentity.outputs.principalId
    appPrincipalId: appIdentity.outputs.principalId
    estPrincipalId: estIdentity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
  }
  dependsOn: [storageRoles, uploadsRoles, vaultRoles]
}

module stampHubs 'app/hub.bicep' = [
  for instance in dpsInstances: {
    name: 'stamp-hub-${instance.name}'
    scope: group
    params: {
      name: '${abbreviations.devicesIotHubs}${token}-${instance.name}'
      location: instance.?location ?? location
      tags: tags
      sku: instance.?hubSku ?? iotHubSku
      units: instance.?hubUnits ?? iotHubUnits
      dpsPrincipalId: dpsIdentity.outputs.principalId
      appPrincipalId: appIdentity.outputs.principalId
      estPrincipalId: estIdentity.outputs.principalId
      workspaceId: monitoring.outputs.workspaceId
    }
    dependsOn: [storageRoles, uploadsRoles, vaultRoles]
  }
]

// After Cosmos DB, which takes minutes: by then the role of DPS on its hub has reached everywhere.
module dps 'app/dps.bicep' = {
  name: 'dps'
  scope: group
  params: {
    name: '${abbreviations.devicesProvisioningServices}${token}'
    location: location
    tags: tags
    hubHostName: hub.outputs.hostName
    hubLocation: location
    identityId: dpsIdentity.outputs.resourceId
    appPrincipalId: appIdentity.outputs.principalId
    estPrincipalId: estIdentity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
  }
  dependsOn: [cosmosRoles]
}

module stampDps 'app/dps.bicep' = [
  for (instance, index) in dpsInstances: {
    name: 'stamp-dps-${instance.name}'
    scope: group
    params: {
      name: '${abbreviations.devicesProvisioningServices}${token}-${instance.name}'
      location: instance.?location ?? location
      tags: tags
      hubHostName: stampHubs[index].outputs.hostName
      hubLocation: instance.?location ?? location
      identityId: dpsIdentity.outputs.resourceId
      appPrincipalId: appIdentity.outputs.principalId
      estPrincipalId: estIdentity.outputs.principalId
      workspaceId: monitoring.outputs.workspaceId
    }
    dependsOn: [cosmosRoles]
  }
]

module instancesSetting 'app/dps-instances.bicep' = {
  name: 'dps-instances'
  scope: group
  params: {
    instances: [
      for (instance, index) in dpsInstances: {
        name: instance.name
        idScope: stampDps[index].outputs.idScope
        serviceHost: stampDps[index].outputs.serviceHost
      }
    ]
  }
}

module eventTopic 'app/event-topic.bicep' = if (publishEvents) {
  name: 'event-topic'
  scope: group
  params: {
    name: '${abbreviations.eventGridTopics}${token}'
    location: location
    tags: tags
    appPrincipalId: appIdentity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module dataLogs 'app/data-logs.bicep' = {
  name: 'data-logs'
  scope: group
  params: {
    storageAccountName: storage.outputs.name
    cosmosAccountName: cosmos.outputs.name
    workspaceId: monitoring.outputs.workspaceId
    everyRequest: dataPlaneLogs
  }
}

module functionApp 'app/function-app.bicep' = {
  name: 'function-app'
  scope: group
  params: {
    service: 'api'
    name: functionAppName
    planName: '${abbreviations.webServerFarms}${token}'
    location: location
    tags: tags
    nodeVersion: nodeVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    identityId: appIdentity.outputs.resourceId
    identityClientId: appIdentity.outputs.clientId
    requiresClientCertificates: false
    entraClientId: entraClientId
    allowedApplications: allowedApplications
    moduleTelemetry: moduleTelemetry
    subnetId: vnetEnabled ? network!.outputs.appSubnetId : ''
    blobServiceUri: storage.outputs.blobServiceUri
    queueServiceUri: storage.outputs.queueServiceUri
    componentConnectionString: monitoring.outputs.connectionString
    settings: union(sharedSettings, {
      // string() would write True or False.
      ALLOW_PLAIN_KEYS: allowPlainKeys ? 'true' : 'false'
      ALLOW_PRIVATE_URLS: allowPrivateUrls
      GROUP_ROLES: string(groupRoles)
      CHUNK_ROWS: string(chunkRows)
      // Bodies follow the memory, since the host holds a whole one several times. Its own limit, where it answers 500 without a
      // body, is twice as long: the app answers first and says what to do. It takes 100 MiB at most.
      MAX_UPLOAD_MIB: string(instanceMemoryMB / 64)
      FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: string(min(instanceMemoryMB * 32768, 104857600))
      BUNDLE_RETENTION_DAYS: string(bundleRetentionDays)
      SWEEP_SCHEDULE: sweepSchedule
      PUBLIC_URL: publicUrl
      EVENT_GRID_ENDPOINT: publishEvents ? eventTopic!.outputs.endpoint : ''
      EST_URL: empty(estUrl) ? estApp.outputs.url : estUrl
    })
  }
  // Without its roles on storage the code could not be deployed, and without the others the first start would log failures.
  dependsOn: [storageRoles, vaultRoles, cosmosRoles]
}

// The EST server: the same code, as an app that requires a client certificate of every caller.
module estApp 'app/function-app.bicep' = {
  name: 'est-app'
  scope: group
  params: {
    service: 'est'
    name: estAppName
    planName: '${abbreviations.webServerFarms}est-${token}'
    location: location
    tags: tags
    nodeVersion: nodeVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    identityId: estIdentity.outputs.resourceId
    identityClientId: estIdentity.outputs.clientId
    requiresClientCertificates: true
    // Its callers are devices, which sign in nowhere.
    entraClientId: ''
    allowedApplications: []
    moduleTelemetry: moduleTelemetry
    subnetId: vnetEnabled ? network!.outputs.appSubnetId : ''
    blobServiceUri: estStorage.outputs.blobServiceUri
    queueServiceUri: estStorage.outputs.queueServiceUri
    componentConnectionString: monitoring.outputs.connectionString
    settings: union(sharedSettings, {
      DATA_BLOB_SERVICE_URI: storage.outputs.blobServiceUri
      // Twice the limit of functions/est/limits.ts, so that the app answers first.
      FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '32768'
    })
  }
  dependsOn: [storageRoles, vaultRoles, cosmosRoles]
}

module hubTopic 'app/system-topic.bicep' = if (routeDeviceEvents) {
  name: 'hub-topic'
  scope: group
  params: {
    name: '${abbreviations.eventGridSystemTopics}devices-${token}'
    location: location
    tags: tags
    sourceId: hub.outputs.id
    topicType: 'Microsoft.Devices.IoTHubs'
    workspaceId: monitoring.outputs.workspaceId
  }
}

module hubEventsRoles 'app/delivery-roles.bicep' = if (routeDeviceEvents) {
  name: 'hub-events-roles'
  scope: group
  params: {
    storageAccountName: storage.outputs.name
    queueName: 'device-events'
    deadLetterContainerName: storage.outputs.undeliveredEventsName
    principalId: hubTopic!.outputs.principalId
  }
}

module uploads 'app/event-subscription.bicep' = {
  name: 'uploads'
  scope: group
  params: {
    topicName: uploadsTopic.outputs.name
    name: 'manifest-uploads'
    storageAccountName: storage.outputs.name
    queueName: 'manifest-uploads'
    deadLetterContainerName: storage.outputs.undeliveredEventsName
    // So that no upload is lost while the app is stopped.
    messageSeconds: -1
    eventTypes: ['Microsoft.Storage.BlobCreated']
    // No filter by suffix: every blob gets an answer, also one that is not a manifest.
    subjectBeginsWith: '/blobServices/default/containers/manifests/blobs/'
  }
  dependsOn: [uploadsRoles, functionApp]
}

module hubEvents 'app/event-subscription.bicep' = if (routeDeviceEvents) {
  name: 'hub-events'
  scope: group
  params: {
    topicName: hubTopic!.outputs.name
    name: 'device-events'
    storageAccountName: storage.outputs.name
    queueName: 'device-events'
    deadLetterContainerName: storage.outputs.undeliveredEventsName
    messageSeconds: 604800
    eventTypes: [
      'Microsoft.Devices.DeviceCreated'
      'Microsoft.Devices.DeviceDeleted'
      'Microsoft.Devices.DeviceConnected'
      'Microsoft.Devices.DeviceDisconnected'
    ]
    subjectBeginsWith: ''
  }
  dependsOn: [hubEventsRoles, functionApp]
}

module alerts 'app/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    actionGroupName: '${abbreviations.insightsActionGroups}${token}'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    email: alertEmail
    moduleTelemetry: moduleTelemetry
  }
}

module uploadsAlerts 'app/delivery-alerts.bicep' = {
  name: 'uploads-alerts'
  scope: group
  params: {
    topicId: uploadsTopic.outputs.id
    about: 'uploads'
    tags: tags
    actionGroupId: alerts.outputs.actionGroupId
  }
}

module hubEventsAlerts 'app/delivery-alerts.bicep' = if (routeDeviceEvents) {
  name: 'hub-events-alerts'
  scope: group
  params: {
    topicId: hubTopic!.outputs.id
    about: 'hub-events'
    tags: tags
    actionGroupId: alerts.outputs.actionGroupId
  }
}

output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_APP_NAME string = functionApp.outputs.name
output AZURE_FUNCTION_APP_URL string = functionApp.outputs.url
output AZURE_EST_APP_NAME string = estApp.outputs.name
output AZURE_EST_APP_URL string = estApp.outputs.url
output AZURE_APP_IDENTITY_PRINCIPAL_ID string = appIdentity.outputs.principalId
output AZURE_STORAGE_ACCOUNT_NAME string = storage.outputs.name
output AZURE_EST_STORAGE_ACCOUNT_NAME string = estStorage.outputs.name
output AZURE_COSMOS_ACCOUNT_NAME string = cosmos.outputs.name
output AZURE_KEY_VAULT_NAME string = keyVault.outputs.name
output AZURE_AUDIT_VAULT_NAME string = auditVault.outputs.name
output AZURE_IOT_HUB_NAME string = hub.outputs.name
output AZURE_DPS_NAME string = dps.outputs.name
output DPS_ID_SCOPE string = dps.outputs.idScope
output DPS_INSTANCES string = instancesSetting.outputs.setting
