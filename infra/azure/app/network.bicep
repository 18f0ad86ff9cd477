// A virtual network with a subnet for the app, a subnet for private endpoints, and the DNS zones of the endpoints.
param name string
param location string
param tags object
@description('Whether the modules of the registry report their use to Microsoft.')
param moduleTelemetry bool

var zones = {
  blob: 'privatelink.blob.${environment().suffixes.storage}'
  queue: 'privatelink.queue.${environment().suffixes.storage}'
  // environment() has no suffix for Cosmos DB.
  cosmos: 'privatelink.documents.azure.com'
  // The private zone of Key Vault is not named after its public suffix.
  vault: 'privatelink.vaultcore.azure.net'
}

module network 'br/public:avm/res/network/virtual-network:0.10.1' = {
  name: 'virtual-network'
  params: {
    enableTelemetry: moduleTelemetry
    name: name
    location: location
    tags: tags
    addressPrefixes: ['10.0.0.0/16']
    subnets: [
      {
        name: 'app'
        // A /24 has 251 addresses. On Flex Consumption several instances share one.
        addressPrefix: '10.0.1.0/24'
        delegation: 'Microsoft.App/environments'
        // The app calls DPS, IoT Hub and Azure Monitor at their public addresses. Subnets of newer API versions have no way out by default.
        // https://learn.microsoft.com/azure/virtual-network/ip-services/default-outbound-access
        defaultOutboundAccess: true
      }
      {
        name: 'private-endpoints'
        addressPrefix: '10.0.2.0/24'
      }
    ]
  }
}

module blobZone 'br/public:avm/res/network/private-dns-zone:0.8.1' = {
  name: 'dns-blob'
  params: {
    enableTelemetry: moduleTelemetry
    name: zones.blob
    tags: tags
    virtualNetworkLinks: [{ virtualNetworkResourceId: network.outputs.resourceId }]
  }
}

module queueZone 'br/public:avm/res/network/private-dns-zone:0.8.1' = {
  name: 'dns-queue'
  params: {
    enableTelemetry: moduleTelemetry
    name: zones.queue
    tags: tags
    virtualNetworkLinks: [{ virtualNetworkResourceId: network.outputs.resourceId }]
  }
}

module cosmosZone 'br/public:avm/res/network/private-dns-zone:0.8.1' = {
  name: 'dns-cosmos'
  params: {
    enableTelemetry: moduleTelemetry
    name: zones.cosmos
    tags: tags
    virtualNetworkLinks: [{ virtualNetworkResourceId: network.outputs.resourceId }]
  }
}

module vaultZone 'br/public:avm/res/network/private-dns-zone:0.8.1' = {
  name: 'dns-vault'
  params: {
    enableTelemetry: moduleTelemetry
    name: zones.vault
    tags: tags
    virtualNetworkLinks: [{ virtualNetworkResourceId: network.outputs.resourceId }]
  }
}

output appSubnetId string = network.outputs.subnetResourceIds[0]
output privateEndpointSubnetId string = network.outputs.subnetResourceIds[1]
output blobDnsZoneId string = blobZone.outputs.resourceId
output queueDnsZoneId string = queueZone.outputs.resourceId
output cosmosDnsZoneId string = cosmosZone.outputs.resourceId
output vaultDnsZoneId string = vaultZone.outputs.resourceId
