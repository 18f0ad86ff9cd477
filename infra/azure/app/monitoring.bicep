// Logs, traces and metrics, and the workbook that shows them.
param workspaceName string
param componentName string
param location string
param tags object

module workspace 'br/public:avm/res/operational-insights/workspace:0.16.1' = {
  name: 'workspace'
  params: {
    name: workspaceName
    location: location
    tags: tags
    skuName: 'PerGB2018'
    // Days. 30 is the minimum of this tier and costs nothing extra.
    dataRetention: 30
  }
}

module component 'br/public:avm/res/insights/component:0.8.0' = {
  name: 'component'
  params: {
    name: componentName
    location: location
    tags: tags
    workspaceResourceId: workspace.outputs.resourceId
    // Accepts telemetry only from identities with a role. The connection string alone does not suffice.
    disableLocalAuth: true
  }
}

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
output componentName string = component.outputs.name
output connectionString string = component.outputs.connectionString
