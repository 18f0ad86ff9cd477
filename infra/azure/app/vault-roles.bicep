// Role definitions and assignments on the two key vaults. Each is the narrowest role that suffices; a comment says what needs it.
// A leaked identity of an app can sign anything: SECURITY.md says what limits that.
param appPrincipalId string
param estPrincipalId string
param keyVaultName string
param auditVaultName string

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: keyVaultName
}

resource auditVault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: auditVaultName
}

// The narrowest built-in role that can create a key, Key Vault Crypto Officer, can also import, delete and purge keys. A CA
// needs only three actions.
resource caSigner 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'ca-signer')
  properties: {
    roleName: 'Fleet CA signer (${keyVaultName})'
    description: 'Creates CA keys, reads their public part and signs with them.'
    type: 'CustomRole'
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          'Microsoft.KeyVault/vaults/keys/create/action'
          'Microsoft.KeyVault/vaults/keys/read'
          'Microsoft.KeyVault/vaults/keys/sign/action'
        ]
        notDataActions: []
      }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

resource appOnVault 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, appPrincipalId, caSigner.id)
  scope: vault
  properties: {
    roleDefinitionId: caSigner.id
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The EST server signs with the CA keys of groups, and makes the CA of their est-ids where a group asks for a separate one. Key Vault has
// no role for some keys of a vault by name before they exist, so this is the right of the API.
resource estOnVault 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, estPrincipalId, caSigner.id)
  scope: vault
  properties: {
    roleDefinitionId: caSigner.id
    principalId: estPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The app makes, reads and deletes the secrets that sign webhooks, and the keys by which DPS calls it. The narrowest built-in role, Key
// Vault Secrets Officer, can also list, restore and purge every secret.
resource webhookSecrets 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'webhook-secrets')
  properties: {
    roleName: 'Fleet webhook secrets (${keyVaultName})'
    description: 'Sets, reads and deletes the secrets of webhooks.'
    type: 'CustomRole'
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          'Microsoft.KeyVault/vaults/secrets/setSecret/action'
          'Microsoft.KeyVault/vaults/secrets/getSecret/action'
          'Microsoft.KeyVault/vaults/secrets/delete'
        ]
        notDataActions: []
      }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

resource appOnWebhookSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, appPrincipalId, webhookSecrets.id)
  scope: vault
  properties: {
    roleDefinitionId: webhookSecrets.id
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The app signs checkpoints of the audit trail with a key that Bicep makes. It can make no other key there.
resource auditSigner 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'audit-signer')
  properties: {
    roleName: 'Fleet audit signer (${auditVaultName})'
    description: 'Reads the public part of the key of the audit trail and signs with it.'
    type: 'CustomRole'
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          'Microsoft.KeyVault/vaults/keys/read'
          'Microsoft.KeyVault/vaults/keys/sign/action'
        ]
        notDataActions: []
      }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

resource appOnAuditVault 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(auditVault.id, appPrincipalId, auditSigner.id)
  scope: auditVault
  properties: {
    roleDefinitionId: auditSigner.id
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}
