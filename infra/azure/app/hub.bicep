// IoT Hub, with the roles on it. It is public, because devices connect from anywhere. Devices authenticate with certificates;
// access keys are disabled.
param name string
param location string
param tags object
param sku string
param units int
param dpsPrincipalId string
param appPrincipalId string
param estPrincipalId string
param workspaceId string

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/internet-of-things
var builtInRoles = {
  hubDataContributor: '4fc6c259-987e-4a07-842e-c321cc9d413f'
  hubDataReader: 'b447c946-2db7-41ec-983d-d8bf3b1c77e3'
  hubTwinContributor: '494bdba2-168f-4f31-a0a1-191d2f7c028c'
  hubRegistryContributor: '4ea46cd5-c1b2-4a8e-910b-273211f9ce47'
}

resource hub 'Microsoft.Devices/IotHubs@2023-06-30' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: sku
    capacity: units
  }
  properties: {
    disableLocalAuth: true
    publicNetworkAccess: 'Enabled'
    // Fixed when the hub is made. https://learn.microsoft.com/azure/iot-hub/iot-hub-tls-support
    minTlsVersion: '1.2'
  }
}

// The link of DPS. A link by key needs RegistryWrite, ServiceConnect and DeviceConnect, and no narrower role has all three.
resource dpsOnHub 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hub.id, dpsPrincipalId, builtInRoles.hubDataContributor)
  scope: hub
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtInRoles.hubDataContributor)
    principalId: dpsPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The app merges the tags and desired properties of a row into the twin once the device is assigned.
resource appOnTwins 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hub.id, appPrincipalId, builtInRoles.hubTwinContributor)
  scope: hub
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtInRoles.hubTwinContributor)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The app removes the identity of a device that registered while it was deleted. No narrower role deletes identities.
resource appOnRegistry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hub.id, appPrincipalId, builtInRoles.hubRegistryContributor)
  scope: hub
  properties: {
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      builtInRoles.hubRegistryContributor
    )
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The EST server asks which certificate the hub knows of a device.
resource estOnHub 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hub.id, estPrincipalId, builtInRoles.hubDataReader)
  scope: hub
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtInRoles.hubDataReader)
    principalId: estPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// A registration that the EST server is the first to see counts once the twin of the device is merged.
resource estOnTwins 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hub.id, estPrincipalId, builtInRoles.hubTwinContributor)
  scope: hub
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', builtInRoles.hubTwinContributor)
    principalId: estPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Who connected, with which error, and which identity was made or deleted.
// https://learn.microsoft.com/azure/iot-hub/monitor-iot-hub-reference#resource-logs
resource hubLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: hub
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'Connections', enabled: true }
      { category: 'DeviceIdentityOperations', enabled: true }
    ]
  }
}

output id string = hub.id
output name string = hub.name
output hostName string = hub.properties.hostName
