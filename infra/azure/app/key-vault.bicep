// A vault of keys: one for the CA keys, and one for the key of the audit trail. Purge protection is on, because a fleet without
// its CA key cannot be renewed.
param name string
param location string
param tags object
@allowed(['standard', 'premium'])
param sku string
@description('Names of P-256 signing keys to make. The app makes the CA keys itself.')
param signers array = []
param workspaceId string
@description('Address ranges that the firewall admits beside the private endpoint. Without a private endpoint everyone may try.')
param allowedIpRanges array
@description('Whether the modules of the registry report their use to Microsoft.')
param moduleTelemetry bool
@description('Empty: no private endpoint. Clients use the public endpoint, by identity only.')
param privateEndpointSubnetId string
param dnsZoneId string

var private = !empty(privateEndpointSubnetId)

module vault 'br/public:avm/res/key-vault/vault:0.14.0' = {
  // Two vaults are deployed at the same time, and a deployment needs a name of its own.
  name: '${name}-vault'
  params: {
    enableTelemetry: moduleTelemetry
    name: name
    location: location
    tags: tags
    sku: sku
    keys: map(signers, signer => {
      name: signer
      kty: sku == 'premium' ? 'EC-HSM' : 'EC'
      curveName: 'P-256'
      keyOps: ['sign']
    })
    enableRbacAuthorization: true
    enablePurgeProtection: true
    softDeleteRetentionInDays: 90
    enableVaultForDeployment: false
    enableVaultForTemplateDeployment: false
    enableVaultForDiskEncryption: false
    publicNetworkAccess: private && empty(allowedIpRanges) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: private ? 'Deny' : 'Allow'
      ipRules: private ? map(allowedIpRanges, range => { value: range }) : []
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
