// Roles on the data of Cosmos DB, which has its own. One is made after the other: the account has one lock for all changes, and answers
// 412 to a second change at the same time (hashicorp/terraform-provider-azurerm issues 15842, 17233).
param accountName string
param databaseName string
param appPrincipalId string
param estPrincipalId string

// Of the EST server: records of devices; groups, whose CA for est-ids is made when the first device asks; findings; counters of requests.
var estContainers = ['devices', 'groups', 'findings', 'events']

resource cosmos 'Microsoft.DocumentDB/databaseAccounts@2024-11-15' existing = {
  name: accountName
}

// Before it reads data, the SDK reads the endpoints of the account, which are metadata of the account, not of a database.
resource metadataReader 'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions@2024-11-15' = {
  parent: cosmos
  name: guid(cosmos.id, 'metadata-reader')
  properties: {
    roleName: 'Account metadata reader'
    type: 'CustomRole'
    assignableScopes: [cosmos.id]
    permissions: [
      {
        dataActions: ['Microsoft.DocumentDB/databaseAccounts/readMetadata']
      }
    ]
  }
}

resource appOnAccountMetadata 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2024-11-15' = {
  parent: cosmos
  name: guid(cosmos.id, appPrincipalId, 'metadata-reader')
  properties: {
    roleDefinitionId: metadataReader.id
    principalId: appPrincipalId
    scope: cosmos.id
  }
}

// The built-in Data Contributor (…0002), for this database only.
resource appOnDatabase 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2024-11-15' = {
  parent: cosmos
  name: guid(cosmos.id, appPrincipalId, databaseName, 'data-contributor')
  properties: {
    roleDefinitionId: '${cosmos.id}/sqlRoleDefinitions/00000000-0000-0000-0000-000000000002'
    principalId: appPrincipalId
    scope: '${cosmos.id}/dbs/${databaseName}'
  }
  dependsOn: [appOnAccountMetadata]
}

resource estOnAccountMetadata 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2024-11-15' = {
  parent: cosmos
  name: guid(cosmos.id, estPrincipalId, 'metadata-reader')
  properties: {
    roleDefinitionId: metadataReader.id
    principalId: estPrincipalId
    scope: cosmos.id
  }
  dependsOn: [appOnDatabase]
}

// The built-in Data Contributor (…0002), for these containers only.
@batchSize(1)
resource estOnContainers 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2024-11-15' = [
  for container in estContainers: {
    parent: cosmos
    name: guid(cosmos.id, estPrincipalId, databaseName, container, 'data-contributor')
    properties: {
      roleDefinitionId: '${cosmos.id}/sqlRoleDefinitions/00000000-0000-0000-0000-000000000002'
      principalId: estPrincipalId
      scope: '${cosmos.id}/dbs/${databaseName}/colls/${container}'
    }
    dependsOn: [estOnAccountMetadata]
  }
]

// The built-in Data Reader (…0001): the certificates of CAs that workers of the API made for themselves, and which are blocked.
resource estOnDelegatedCas 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2024-11-15' = {
  parent: cosmos
  name: guid(cosmos.id, estPrincipalId, databaseName, 'delegated-cas', 'data-reader')
  properties: {
    roleDefinitionId: '${cosmos.id}/sqlRoleDefinitions/00000000-0000-0000-0000-000000000001'
    principalId: estPrincipalId
    scope: '${cosmos.id}/dbs/${databaseName}/colls/delegated-cas'
  }
  dependsOn: [estOnContainers]
}
