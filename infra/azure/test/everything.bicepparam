// Every option with another value than its default, and every condition of the template on. npm run check:infra evaluates it
// without a subscription.
using '../main.bicep'

// The longest name that azd takes.
param environmentName = 'everything-everything-everything-everything-everything-everythin'
param location = 'westeurope'
param operatorPrincipalId = '00000000-0000-4000-8000-000000000001'
param operatorPrincipalType = 'Group'
param vnetEnabled = true
param allowedIpRanges = '203.0.113.7,198.51.100.0/24'
param cosmosCapacity = 'autoscale'
param cosmosMaxThroughput = 10000
param nodeVersion = '22'
param instanceMemoryMB = 4096
param maximumInstanceCount = 100
param iotHubSku = 'S2'
param iotHubUnits = 2
param dpsInstances = [
  { name: 'west', location: 'westus2', hubUnits: 10 }
]
param keyVaultSku = 'premium'
param bundleRetentionDays = 30
param manifestRetentionDays = 90
param auditRetentionDays = 30
param scrappedDeviceRetentionDays = 4000
param jobRetentionDays = 400
param deadLetterRetentionDays = 400
param findingRetentionDays = 400
param allowPlainKeys = true
param chunkRows = 200
param reconcileSchedule = '0 */5 * * * *'
param sweepSchedule = '0 0 2 * * *'
param rootCaName = 'Another root CA'
param routeDeviceEvents = true
param publishEvents = true
param assignedEvents = true
param publicUrl = 'https://fleet.example.com'
param estUrl = 'https://est.example.com'
param entraClientId = '00000000-0000-4000-8000-000000000002'
param entraAllowedApplications = '00000000-0000-4000-8000-000000000003'
param allowPrivateUrls = 'est'
param dataPlaneLogs = false
param alertEmail = 'operators@example.com'
param moduleTelemetry = true
