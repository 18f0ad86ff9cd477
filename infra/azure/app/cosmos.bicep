// The database `fleet` and its containers. lib/azure/cosmos-*.ts has the partition keys and queries.
param name string
param location string
param tags object
@allowed(['serverless', 'autoscale'])
param capacity string
param maxThroughput int
@description('Address ranges that the firewall admits beside the private endpoint. Without a private endpoint everyone may try.')
param allowedIpRanges array
@description('Whether the modules of the registry report their use to Microsoft.')
param moduleTelemetry bool
@description('Empty: no private endpoint. Clients use the public endpoint, by identity only.')
param privateEndpointSubnetId string
param dnsZoneId string

var serverless = capacity == 'serverless'
var private = !empty(privateEndpointSubnetId)
var databaseName = 'fleet'

// The minimum of autoscale. At rest it scales down to a tenth.
var smallThroughput = 1000

module account 'br/public:avm/res/document-db/database-account:0.16.0' = {
  name: 'cosmos-account'
  params: {
    enableTelemetry: moduleTelemetry
    name: name
    location: location
    tags: tags
    disableLocalAuthentication: true
    capabilitiesToAdd: serverless ? ['EnableServerless'] : []
    zoneRedundant: false
    backupPolicyContinuousTier: 'Continuous7Days'
    networkRestrictions: {
      // Enabled without a rule, it would admit everyone.
      publicNetworkAccess: private && empty(allowedIpRanges) ? 'Disabled' : 'Enabled'
      networkAclBypass: 'None'
      ipRules: private ? allowedIpRanges : []
      virtualNetworkRules: []
    }
    sqlDatabases: [
      {
        name: databaseName
        containers: [
          {
            name: 'devices'
            kind: 'Hash'
            // Version 1 hashes only the first 101 bytes of a key.
            version: 2
            paths: ['/id']
            autoscaleSettingsMaxThroughput: serverless ? null : maxThroughput
            // Only paths that queries use, because every indexed path makes every write more expensive. /id is always indexed.
            indexingPolicy: {
              indexingMode: 'consistent'
              automatic: true
              includedPaths: [
                { path: '/enrollmentGroup/?' }
                { path: '/status/?' }
                { path: '/claim/jobId/?' }
                { path: '/identity/notAfter/?' }
                { path: '/renewal/dueDay/?' }
                { path: '/renewal/lateAt/?' }
                { path: '/renewal/confirmedDay/?' }
                { path: '/serialNumber/?' }
                { path: '/identity/sha1Thumbprint/?' }
                { path: '/identity/sha256Thumbprint/?' }
                { path: '/formerCertificateNames/[]/?' }
                { path: '/block/lookAgainAt/?' }
                { path: '/unconfirmedSince/?' }
                { path: '/formerGroups/[]/?' }
                { path: '/owedSince/?' }
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
                { path: '/listStatus/?' }
                { path: '/listGroups/?' }
                { path: '/listHour/?' }
                { path: '/source/?' }
                { path: '/owedSince/?' }
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
            // -1: documents do not expire, except those with a ttl: failure reasons of deliveries, and what deadLetterRetentionDays says.
            defaultTtl: -1
            autoscaleSettingsMaxThroughput: serverless ? null : smallThroughput
            indexingPolicy: {
              indexingMode: 'consistent'
              automatic: true
              includedPaths: [
                { path: '/queue/?' }
                { path: '/type/?' }
                { path: '/reason/code/?' }
                { path: '/owedSince/?' }
              ]
              excludedPaths: [{ path: '/*' }]
            }
          }
          {
            name: 'findings'
            kind: 'Hash'
            version: 2
            paths: ['/kind']
            // -1: documents do not expire, except findings that are gone, which can have a ttl (findingRetentionDays).
            defaultTtl: -1
            autoscaleSettingsMaxThroughput: serverless ? null : smallThroughput
            indexingPolicy: {
              indexingMode: 'consistent'
              automatic: true
              includedPaths: [
                { path: '/kind/?' }
                { path: '/severity/?' }
                { path: '/state/?' }
                { path: '/subject/id/?' }
                { path: '/subject/enrollmentGroup/?' }
                { path: '/owedSince/?' }
              ]
              excludedPaths: [{ path: '/*' }]
            }
          }
          {
            name: 'events'
            kind: 'Hash'
            version: 2
            paths: ['/stream']
            // -1: documents do not expire, except notices and deliveries, which have their own ttl.
            defaultTtl: -1
            autoscaleSettingsMaxThroughput: serverless ? null : smallThroughput
            indexingPolicy: {
              indexingMode: 'consistent'
              automatic: true
              includedPaths: [
                { path: '/stream/?' }
                { path: '/type/?' }
                { path: '/state/?' }
                { path: '/listKey/?' }
                { path: '/owedSince/?' }
              ]
              excludedPaths: [{ path: '/*' }]
            }
          }
          {
            name: 'delegated-cas'
            kind: 'Hash'
            version: 2
            paths: ['/id']
            // -1: documents do not expire unless they have a ttl, and each has one.
            defaultTtl: -1
            autoscaleSettingsMaxThroughput: serverless ? null : smallThroughput
            indexingPolicy: {
              indexingMode: 'consistent'
              automatic: true
              includedPaths: [
                { path: '/enrollmentGroup/?' }
                { path: '/state/?' }
                { path: '/signsUntil/?' }
                { path: '/listKey/?' }
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
