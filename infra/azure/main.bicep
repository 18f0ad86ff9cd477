// The whole deployment, for an empty subscription. See docs/deploy.md.
targetScope = 'subscription'

@minLength(1)
@maxLength(64)
@description('Name of the environment; azd asks for it. All resource names and tags derive from it.')
param environmentName string

@minLength(1)
@description('Region of all resources. It must offer Functions Flex Consumption and the Device Provisioning Service.')
@metadata({ azd: { type: 'location' } })
param location string

@description('Principal that may upload manifests, send orders and read reports with its own sign-in. azd sets it to the principal that deploys. Empty: none.')
param operatorPrincipalId string = ''

@allowed(['User', 'Group', 'ServicePrincipal'])
param operatorPrincipalType string = 'User'

@description('Puts storage, Cosmos DB and Key Vault behind private endpoints, and the app in a virtual network.')
param vnetEnabled bool = false

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
@description('Premium keeps the CA keys in an HSM.')
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

@allowed(['none', 'est'])
@description('Which URLs in the definition of an enrollment group may name a private address: none, or those of EST servers.')
param allowPrivateUrls string = 'none'

@description('Logs each request to the data in storage and Cosmos DB. Billed per gigabyte by Log Analytics.')
param dataPlaneLogs bool = true

@description('Email address that receives alerts. Empty: alerts show in the portal only.')
param alertEmail string = ''

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
var functionAppName = '${abbreviations.webSitesFunctions}${token}'
var estAppName = '${abbreviations.webSitesFunctions}est-${token}'

// What both apps need.
var sharedSettings = {
  COSMOS_ENDPOINT: cosmos.outputs.endpoint
  COSMOS_DATABASE: cosmos.outputs.databaseName
  DPS_SERVICE_HOST: iot.outputs.dpsServiceHost
  DPS_ID_SCOPE: iot.outputs.dpsIdScope
  DPS_INSTANCES: instancesSetting.outputs.setting
  KEY_VAULT_URL: keyVault.outputs.uri
  AUDIT_VAULT_URL: auditVault.outputs.uri
  ROOT_CA_NAME: rootCaName
  RECONCILE_SCHEDULE: reconcileSchedule
  ASSIGNED_EVENTS: assignedEvents ? 'true' : 'false'
}

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: '${abbreviations.resourcesResourceGroups}${environmentName}'
  location: location
  tags: tags
}

module appIdentity 'br/public:avm/res/managed-identity/user-assigned-identity:0.6.0' = {
  name: 'identity-app'
  scope: group
  params: {
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
    name: '${abbreviations.managedIdentityUserAssignedIdentities}est-${token}'
    location: location
    tags: tags
  }
}

// Event Grid and DPS have their own identities, so that neither has the rights of the app.
module eventsIdentity 'br/public:avm/res/managed-identity/user-assigned-identity:0.6.0' = {
  name: 'identity-events'
  scope: group
  params: {
    name: '${abbreviations.managedIdentityUserAssignedIdentities}events-${token}'
    location: location
    tags: tags
  }
}

module dpsIdentity 'br/public:avm/res/managed-identity/user-assigned-identity:0.6.0' = {
  name: 'identity-dps'
  scope: group
  params: {
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
  }
}

module network 'app/network.bicep' = if (vnetEnabled) {
  name: 'network'
  scope: group
  params: {
    name: '${abbreviations.networkVirtualNetworks}${token}'
    location: location
    tags: tags
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
    privateEndpointSubnetId: vnetEnabled ? network!.outputs.privateEndpointSubnetId : ''
    blobDnsZoneId: vnetEnabled ? network!.outputs.blobDnsZoneId : ''
    queueDnsZoneId: vnetEnabled ? network!.outputs.queueDnsZoneId : ''
  }
}

module estStorage 'app/est-storage.bicep' = {
  name: 'est-storage'
  scope: group
  params: {
    name: '${abbreviations.storageStorageAccounts}est${token}'
    location: location
    tags: tags
    privateEndpointSubnetId: vnetEnabled ? network!.outputs.privateEndpointSubnetId : ''
    blobDnsZoneId: vnetEnabled ? network!.outputs.blobDnsZoneId : ''
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
    privateEndpointSubnetId: vnetEnabled ? network!.outputs.privateEndpointSubnetId : ''
    dnsZoneId: vnetEnabled ? network!.outputs.cosmosDnsZoneId : ''
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
    privateEndpointSubnetId: vnetEnabled ? network!.outputs.privateEndpointSubnetId : ''
    dnsZoneId: vnetEnabled ? network!.outputs.vaultDnsZoneId : ''
  }
}

module iot 'app/iot.bicep' = {
  name: 'iot'
  scope: group
  params: {
    hubName: '${abbreviations.devicesIotHubs}${token}'
    dpsName: '${abbreviations.devicesProvisioningServices}${token}'
    location: location
    tags: tags
    hubSku: iotHubSku
    hubUnits: iotHubUnits
    dpsIdentityId: dpsIdentity.outputs.resourceId
    dpsPrincipalId: dpsIdentity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module stamps 'app/iot.bicep' = [
  for instance in dpsInstances: {
    name: 'iot-${instance.name}'
    scope: group
    params: {
      hubName: '${abbreviations.devicesIotHubs}${token}-${instance.name}'
      dpsName: '${abbreviations.devicesProvisioningServices}${token}-${instance.name}'
      location: instance.?location ?? location
      tags: tags
      hubSku: instance.?hubSku ?? iotHubSku
      hubUnits: instance.?hubUnits ?? iotHubUnits
      dpsIdentityId: dpsIdentity.outputs.resourceId
      dpsPrincipalId: dpsIdentity.outputs.principalId
      workspaceId: monitoring.outputs.workspaceId
    }
  }
]

module stampRoles 'app/stamp-roles.bicep' = [
  for (instance, index) in dpsInstances: {
    name: 'roles-${instance.name}'
    scope: group
    params: {
      appPrincipalId: appIdentity.outputs.principalId
      estPrincipalId: estIdentity.outputs.principalId
      hubName: stamps[index].outputs.hubName
      dpsName: stamps[index].outputs.dpsName
    }
  }
]

module instancesSetting 'app/dps-instances.bicep' = {
  name: 'dps-instances'
  scope: group
  params: {
    instances: [
      for (instance, index) in dpsInstances: {
        name: instance.name
        idScope: stamps[index].outputs.dpsIdScope
        serviceHost: stamps[index].outputs.dpsServiceHost
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
  }
}

module roles 'app/roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    appPrincipalId: appIdentity.outputs.principalId
    operatorPrincipalId: operatorPrincipalId
    operatorPrincipalType: operatorPrincipalType
    storageAccountName: storage.outputs.name
    cosmosAccountName: cosmos.outputs.name
    cosmosDatabaseName: cosmos.outputs.databaseName
    keyVaultName: keyVault.outputs.name
    auditVaultName: auditVault.outputs.name
    hubName: iot.outputs.hubName
    dpsName: iot.outputs.dpsName
    componentName: monitoring.outputs.componentName
  }
}

module estRoles 'app/est-roles.bicep' = {
  name: 'est-roles'
  scope: group
  params: {
    principalId: estIdentity.outputs.principalId
    hostStorageAccountName: estStorage.outputs.name
    storageAccountName: storage.outputs.name
    cosmosAccountName: cosmos.outputs.name
    cosmosDatabaseName: cosmos.outputs.databaseName
    keyVaultName: keyVault.outputs.name
    caSignerRoleId: roles.outputs.caSignerRoleId
    metadataReaderRoleId: roles.outputs.metadataReaderRoleId
    hubName: iot.outputs.hubName
    dpsName: iot.outputs.dpsName
    componentName: monitoring.outputs.componentName
  }
}

module dataLogs 'app/data-logs.bicep' = if (dataPlaneLogs) {
  name: 'data-logs'
  scope: group
  params: {
    storageAccountName: storage.outputs.name
    cosmosAccountName: cosmos.outputs.name
    workspaceId: monitoring.outputs.workspaceId
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
  // Without its roles the first start of the app would log failures.
  dependsOn: [roles, stampRoles]
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
  dependsOn: [estRoles, stampRoles]
}

module events 'app/events.bicep' = {
  name: 'events'
  scope: group
  params: {
    storageTopicName: '${abbreviations.eventGridSystemTopics}manifests-${token}'
    hubTopicName: '${abbreviations.eventGridSystemTopics}devices-${token}'
    location: location
    tags: tags
    storageAccountName: storage.outputs.name
    hubName: iot.outputs.hubName
    routeDeviceEvents: routeDeviceEvents
    identityId: eventsIdentity.outputs.resourceId
    principalId: eventsIdentity.outputs.principalId
  }
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
output AZURE_COSMOS_ACCOUNT_NAME string = cosmos.outputs.name
output AZURE_KEY_VAULT_NAME string = keyVault.outputs.name
output AZURE_AUDIT_VAULT_NAME string = auditVault.outputs.name
output AZURE_IOT_HUB_NAME string = iot.outputs.hubName
output AZURE_DPS_NAME string = iot.outputs.dpsName
output DPS_ID_SCOPE string = iot.outputs.dpsIdScope
output DPS_INSTANCES string = instancesSetting.outputs.setting
