// IoT Hub, and the Device Provisioning Service that assigns devices to it. Both are public, because devices connect from
// anywhere. Devices authenticate with certificates; access keys are disabled.
param hubName string
param dpsName string
param location string
param tags object
param hubSku string
param hubUnits int
param dpsIdentityId string
param dpsPrincipalId string
param workspaceId string

// IoT Hub Data Contributor: a link by key needs RegistryWrite, ServiceConnect and DeviceConnect, and no narrower role
// has all three. https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/internet-of-things
var hubDataContributor = '4fc6c259-987e-4a07-842e-c321cc9d413f'

resource hub 'Microsoft.Devices/IotHubs@2023-06-30' = {
  name: hubName
  location: location
  tags: tags
  sku: {
    name: hubSku
    capacity: hubUnits
  }
  properties: {
    disableLocalAuth: true
    publicNetworkAccess: 'Enabled'
  }
}

resource dpsOnHub 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hub.id, dpsIdentityId, hubDataContributor)
  scope: hub
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', hubDataContributor)
    principalId: dpsPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// 2026-08-31 is the first stable version that can link a hub by identity (hostName, authenticationType) and disable local
// authentication.
resource dps 'Microsoft.Devices/provisioningServices@2026-08-31' = {
  name: dpsName
  location: location
  tags: tags
  sku: {
    name: 'S1'
    capacity: 1
  }
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${dpsIdentityId}': {}
    }
  }
  properties: {
    allocationPolicy: 'Hashed'
    disableLocalAuth: true
    publicNetworkAccess: 'Enabled'
    iotHubs: [
      {
        hostName: hub.properties.hostName
        location: location
        authenticationType: 'UserAssigned'
        selectedUserAssignedIdentityResourceId: dpsIdentityId
        applyAllocationPolicy: true
        allocationWeight: 1
      }
    ]
  }
  dependsOn: [dpsOnHub]
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

output hubName string = hub.name
output dpsName string = dps.name
output dpsServiceHost string = dps.properties.serviceOperationsHostName
output dpsIdScope string = dps.properties.idScope
