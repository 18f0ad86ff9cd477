// Logs, traces and metrics, with the roles to send them, and the workbook that shows them.
param workspaceName string
param componentName string
param location string
param tags object
@description('Identities that send telemetry.')
param senderPrincipalIds array
@description('Whether the modules of the registry report their use to Microsoft.')
param moduleTelemetry bool

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/monitor
var monitoringMetricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb'

module workspace 'br/public:avm/res/operational-insights/workspace:0.16.1' = {
  name: 'workspace'
  params: {
    enableTelemetry: moduleTelemetry
    name: workspaceName
    location: location
    tags: tags
    skuName: 'PerGB2018'
    // Days. 30 is the minimum of this tier and costs nothing extra.
    dataRetention: 30
    // The module's default says that saved queries must be in a storage account of our own. There is none.
    forceCmkForQuery: false
  }
}

module component 'br/public:avm/res/insights/component:0.8.0' = {
  name: 'component'
  params: {
    enableTelemetry: moduleTelemetry
    name: componentName
    location: location
    tags: tags
    workspaceResourceId: workspace.outputs.resourceId
    // Accepts telemetry only from identities with a role. The connection string alone does not suffice.
    disableLocalAuth: true
    // The module's default keeps the addresses of callers.
    disableIpMasking: false
  }
}

resource existingComponent 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

resource senders 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in senderPrincipalIds: {
    name: guid(existingComponent.id, principalId, monitoringMetricsPublisher)
    scope: existingComponent
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', monitoringMetricsPublisher)
      principalId: principalId
      principalType: 'ServicePrincipal'
    }
    dependsOn: [component]
  }
]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'fleet-workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Fleet provisioning'
    category: 'workbook'
    sourceId: workspace.outputs.resourceId
    serializedData: loadTextContent('workbook.json')
  }
}

output workspaceId string = workspace.outputs.resourceId
output connectionString string = component.outputs.connectionString
