// The vault of the CA keys. Purge protection is on, because a fleet without its CA key cannot be renewed.
param name string
param location string
param tags object
@allowed(['standard', 'premium'])
param sku string
param workspaceId string
@description('Empty: no private endpoint. Clients use the public endpoint, by identity only.')
param privateEndpointSubnetId string
param dnsZoneId string

var private = !empty(privateEndpointSubnetId)

module vault 'br/public:avm/res/key-vault/vault:0.14.0' = {
  name: 'vault'
  params: {
    name: name
    location: location
    tags: tags
    sku: sku
    enableRbacAuthorization: true
    enablePurgeProtection: true
    softDeleteRetentionInDays: 90
    enableVaultForDeployment: false
    enableVaultForTemplateDeployment: false
    enableVaultForDiskEncryption: false
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: private ? 'Deny' : 'Allow'
    }
    diagnosticSettings: [
      {
        workspaceResourceId: workspaceId
        logCategoriesAndGroups: [{ category: 'AuditEvent' }]
      }
    ]
    privateEndpoints: private
      ? [
          {
            service: 'vault'
            subnetResourceId: privateEndpointSubnetId
            privateDnsZoneGroup: {
              privateDnsZoneGroupConfigs: [{ privateDnsZoneResourceId: dnsZoneId }]
            }
          }
        ]
      : []
  }
}

output name string = vault.outputs.name
output uri string = vault.outputs.uri
