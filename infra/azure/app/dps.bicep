// A Device Provisioning Service that assigns devices to a hub, with the roles on it. It is public, because devices connect from
// anywhere. Access keys are disabled.
param name string
param location string
param tags object
param hubHostName string
param hubLocation string
@description('Identity with which DPS speaks to the hub. Its role is made with the hub, minutes before this.')
param identityId string
param appPrincipalId string
param estPrincipalId string
param workspaceId string

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/internet-of-things
var builtInRoles = {
  dpsDataContributor: 'dfce44e4-17b7-4bd1-a6d1-04996ec95633'
  dpsDataReader: '10745317-c249-44a1-a5ce-3a4353c0bbd8'
}

// 2026-08-31 is the first stable version that can link a hub by identity (hostName, authenticationType) and disable local
// authentication.
resource dps 'Microsoft.Devices/provisioningServices@2026-08-31' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: 'S1'
    capacity: 1
  }
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    allocationPolicy: 'Hashed'
    disableLocalAuth: true
    publicNetworkAccess: 'Enabled'
    iotHubs: [
      {
        hostName: hubHostName
        location: hubLocation
        authenticationType: 'UserAssigned'
        selectedUserAssignedIdentityResourceId: identityId
        applyAllocationPolicy: true
        allocationWeight: 1
      }
    ]
  }
}

// The app writes enrollments and enrollment groups, and reads and deletes registration states.
resource appOnDps 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(dps.id, appPrincipalId, builtInRoles.dpsDataContributor)
  scope: dps
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtInRoles.dpsDataContributor)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The EST server asks whether a device has registered with the identity that it got last.
resource estOnDps 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(dps.id, estPrincipalId, builtInRoles.dpsDataReader)
  scope: dps
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtInRoles.dpsDataReader)
    principalId: estPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource dpsLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: dps
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output name string = dps.name
output serviceHost string = dps.properties.serviceOperationsHostName
output idScope string = dps.properties.idScope
