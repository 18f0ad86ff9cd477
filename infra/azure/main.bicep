// Everything the fleet orchestrator needs, from an empty subscription. Its manual is docs/deploy.md.
targetScope = 'subscription'

@minLength(1)
@maxLength(64)
@description('Name of the environment; azd asks for it. All names and tags derive from it.')
param environmentName string

@minLength(1)
@description('Region of every resource. It has to offer Functions Flex Consumption and the Device Provisioning Service.')
@metadata({ azd: { type: 'location' } })
param location string

@description('Who may upload manifests and read reports with their own sign-in; azd fills in whoever deploys. Empty for nobody.')
param operatorPrincipalId string = ''

@allowed(['User', 'Group', 'ServicePrincipal'])
param operatorPrincipalType string = 'User'

@description('Puts storage, Cosmos DB and Key Vault behind private endpoints and the app into a virtual network.')
param vnetEnabled bool = false

@allowed(['serverless', 'autoscale'])
@description('Serverless costs nothing at rest and gives up to 5,000 RU/s a container; autoscale is for fleets that provision all day.')
param cosmosCapacity string = 'serverless'

@minValue(1000)
@description('Most RU/s of the devices container with autoscale, in steps of 1000.')
param cosmosMaxThroughput int = 4000

@allowed(['22', '24'])
@description('Node.js version of the app.')
param nodeVersion string = '24'

@allowed([512, 2048, 4096])
@description('Memory of one instance: 512 MB has a quarter of a core, 2048 one, 4096 two.')
param instanceMemoryMB int = 2048

@minValue(40)
@maxValue(1000)
@description('Most instances the app may scale to. Each takes chunks of its own; the quota is 250 cores a region and subscription.')
param maximumInstanceCount int = 40

@allowed(['S1', 'S2', 'S3'])
param iotHubSku string = 'S1'

@minValue(1)
param iotHubUnits int = 1

@allowed(['standard', 'premium'])
@description('Premium keeps the CA keys in a hardware module.')
param keyVaultSku string = 'standard'

@minValue(1)
@description('Days after which bundles are deleted: they are meant to be fetched once.')
param bundleRetentionDays int = 90

@minValue(1)
@description('Days after which manifests and reports are deleted.')
param manifestRetentionDays int = 365

@description('Allows enrollment groups with key custody "plain": private keys in unencrypted bundles.')
param allowPlainKeys bool = false

@minValue(1)
@maxValue(1000)
param chunkRows int = 250

@description('When registrations are reconciled with DPS: NCRONTAB, UTC.')
param reconcileSchedule string = '0 */10 * * * *'

@description('Common name of the root certificate; read once, when the root is made.')
param rootCaName string = 'Fleet root CA'

@description('Sends device life-cycle events of the hub to the queue device-events, for a consumer of your own.')
param routeDeviceEvents bool = false

@description('Application (client) id of an Entra app registration with the app roles of app-roles.json. With it, callers sign in; without it, they use function keys.')
param entraClientId string = ''

@description('Who is told of alerts. Empty: alerts show in the portal only.')
param alertEmail string = ''

var abbreviations = loadJsonContent('abbreviations.json')
var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var functionAppName = '${abbreviations.webSitesFunctions}${token}'

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

// Event Grid and DPS get an identity each, so that neither can do what the app can.
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
    privateEndpointSubnetId: vnetEnabled ? network!.outputs.privateEndpointSubnetId : ''
    blobDnsZoneId: vnetEnabled ? network!.outputs.blobDnsZoneId : ''
    queueDnsZoneId: vnetEnabled ? network!.outputs.queueDnsZoneId : ''
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
    hubName: iot.outputs.hubName
    dpsName: iot.outputs.dpsName
    componentName: monitoring.outputs.componentName
  }
}

module functionApp 'app/function-app.bicep' = {
  name: 'function-app'
  scope: group
  params: {
    name: functionAppName
    planName: '${abbreviations.webServerFarms}${token}'
    location: location
    tags: tags
    nodeVersion: nodeVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    identityId: appIdentity.outputs.resourceId
    identityClientId: appIdentity.outputs.clientId
    entraClientId: entraClientId
    subnetId: vnetEnabled ? network!.outputs.appSubnetId : ''
    blobServiceUri: storage.outputs.blobServiceUri
    queueServiceUri: storage.outputs.queueServiceUri
    componentConnectionString: monitoring.outputs.connectionString
    settings: {
      COSMOS_ENDPOINT: cosmos.outputs.endpoint
      COSMOS_DATABASE: cosmos.outputs.databaseName
      DPS_SERVICE_HOST: iot.outputs.dpsServiceHost
      DPS_ID_SCOPE: iot.outputs.dpsIdScope
      KEY_VAULT_URL: keyVault.outputs.uri
      ROOT_CA_NAME: rootCaName
      // string() would write True and False.
      ALLOW_PLAIN_KEYS: allowPlainKeys ? 'true' : 'false'
      CHUNK_ROWS: string(chunkRows)
      RECONCILE_SCHEDULE: reconcileSchedule
    }
  }
  // The app starts with its rights in place; a first start without them would be a first failure in the log.
  dependsOn: [roles]
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
output AZURE_STORAGE_ACCOUNT_NAME string = storage.outputs.name
output AZURE_COSMOS_ACCOUNT_NAME string = cosmos.outputs.name
output AZURE_KEY_VAULT_NAME string = keyVault.outputs.name
output AZURE_IOT_HUB_NAME string = iot.outputs.hubName
output AZURE_DPS_NAME string = iot.outputs.dpsName
output DPS_ID_SCOPE string = iot.outputs.dpsIdScope
