// Database `fleet` and its containers. Partition keys and queries: lib/azure/cosmos-*.ts.
param name string
param location string
param tags object
@allowed(['serverless', 'autoscale'])
param capacity string
param maxThroughput int
@description('Empty: reached through its public endpoint, still by identity only.')
param privateEndpointSubnetId string
param dnsZoneId string

var serverless = capacity == 'serverless'
var private = !empty(privateEndpointSubnetId)
var databaseName = 'fleet'

// Least that autoscale takes; it rests at a tenth of it.
var smallThroughput = 1000

module account 'br/public:avm/res/document-db/database-account:0.16.0' = {
  name: 'cosmos-account'
  params: {
    name: name
    location: location
    tags: tags
    disableLocalAuthentication: true
    capabilitiesToAdd: serverless ? ['EnableServerless'] : []
    zoneRedundant: false
    backupPolicyContinuousTier: 'Continuous7Days'
    networkRestrictions: {
      publicNetworkAccess: private ? 'Disabled' : 'Enabled'
      networkAclBypass: 'None'
      ipRules: []
      virtualNetworkRules: []
    }
    sqlDatabases: [
      {
        name: databaseName
        containers: [
          {
            name: 'devices'
            kind: 'Hash'
            // Version 1 hashes the first 101 bytes of a key only.
            version: 2
            paths: ['/id']
            autoscaleSettingsMaxThroughput: serverless ? null : maxThroughput
            // Only what queries ask for: each further path would make every write dearer. /id is always indexed.
            indexingPolicy: {
              indexingMode: 'consistent'
              automatic: true
              includedPaths: [
                { path: '/enrollmentGroup/?' }
                { path: '/status/?' }
                { path: '/claim/jobId/?' }
              ]
              excludedPaths: [{ path: '/*' }]
            }
          }
          {
            name: 'jobs'
            kind: 'Hash'
            version: 2
            paths: ['/jobId']
            autoscaleSettingsMaxThroughput: serverless ? null : smallThroughput
            indexingPolicy: {
              indexingMode: 'consistent'
              automatic: true
              includedPaths: [
                { path: '/jobId/?' }
                { path: '/type/?' }
                { path: '/listKey/?' }
              ]
              excludedPaths: [{ path: '/*' }]
            }
          }
          {
            name: 'groups'
            kind: 'Hash'
            version: 2
            paths: ['/id']
            autoscaleSettingsMaxThroughput: serverless ? null : smallThroughput
          }
          {
            name: 'dead-letters'
            kind: 'Hash'
            version: 2
            paths: ['/queue']
            // -1: documents live for ever unless they name a ttl of their own; the reasons beside the letters do.
            defaultTtl: -1
            autoscaleSettingsMaxThroughput: serverless ? null : smallThroughput
            indexingPolicy: {
              indexingMode: 'consistent'
              automatic: true
              includedPaths: [
                { path: '/queue/?' }
                { path: '/type/?' }
              ]
              excludedPaths: [{ path: '/*' }]
            }
          }
        ]
      }
    ]
    privateEndpoints: private
      ? [
          {
            service: 'Sql'
            subnetResourceId: privateEndpointSubnetId
            privateDnsZoneGroup: {
              privateDnsZoneGroupConfigs: [{ privateDnsZoneResourceId: dnsZoneId }]
            }
          }
        ]
      : []
  }
}

output name string = account.outputs.name
output endpoint string = account.outputs.endpoint
output databaseName string = databaseName
