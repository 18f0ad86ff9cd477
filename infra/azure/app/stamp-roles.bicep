// Role assignments on one more DPS instance and its hub: those that roles.bicep and est-roles.bicep make on the first ones.
param appPrincipalId string
param estPrincipalId string
param hubName string
param dpsName string

var dpsDataContributor = 'dfce44e4-17b7-4bd1-a6d1-04996ec95633'
var dpsDataReader = '10745317-c249-44a1-a5ce-3a4353c0bbd8'
var hubDataReader = 'b447c946-2db7-41ec-983d-d8bf3b1c77e3'
var hubTwinContributor = '494bdba2-168f-4f31-a0a1-191d2f7c028c'
var hubRegistryContributor = '4ea46cd5-c1b2-4a8e-910b-273211f9ce47'

resource hub 'Microsoft.Devices/IotHubs@2023-06-30' existing = {
  name: hubName
}

resource dps 'Microsoft.Devices/provisioningServices@2026-08-31' existing = {
  name: dpsName
}

resource appOnDps 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(dps.id, appPrincipalId, dpsDataContributor)
  scope: dps
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dpsDataContributor)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource estOnDps 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(dps.id, estPrincipalId, dpsDataReader)
  scope: dps
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dpsDataReader)
    principalId: estPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource appOnTwins 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hub.id, appPrincipalId, hubTwinContributor)
  scope: hub
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', hubTwinContributor)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource appOnRegistry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hub.id, appPrincipalId, hubRegistryContributor)
  scope: hub
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', hubRegistryContributor)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource estOnHub 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hub.id, estPrincipalId, hubDataReader)
  scope: hub
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', hubDataReader)
    principalId: estPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource estOnTwins 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hub.id, estPrincipalId, hubTwinContributor)
  scope: hub
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', hubTwinContributor)
    principalId: estPrincipalId
    principalType: 'ServicePrincipal'
  }
}
