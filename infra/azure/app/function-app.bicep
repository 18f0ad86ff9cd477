// An app on Flex Consumption: the API with its queues and timers, or the EST server. Settings: functions/config/settings.ts and
// docs/settings.md.
@description('Name of the app in azure.yaml.')
param service string
param name string
param planName string
param location string
param tags object
param nodeVersion string
param instanceMemoryMB int
param maximumInstanceCount int
param identityId string
param identityClientId string
@description('Every call needs a client certificate, which the app gets. Otherwise it asks for none.')
param requiresClientCertificates bool
@description('App registration with which built-in authentication signs callers in. Empty: callers use function keys.')
param entraClientId string
@description('Client ids of the applications whose tokens the platform lets in, beside the app registration itself and the Azure CLI.')
param allowedApplications array
@description('Whether the modules of the registry report their use to Microsoft.')
param moduleTelemetry bool
@description('Subnet of the app. Empty: no virtual network.')
param subnetId string
param blobServiceUri string
param queueServiceUri string
param componentConnectionString string
param settings object

var entra = !empty(entraClientId)

var hostSettings = {
  AzureWebJobsStorage__blobServiceUri: blobServiceUri
  AzureWebJobsStorage__queueServiceUri: queueServiceUri
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  AZURE_CLIENT_ID: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: componentConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'Authorization=AAD;ClientId=${identityClientId}'
  // By default the host sends five traces a second, and drops the log lines of the others with them: 22 of 120 lines of HTTP calls
  // arrived at 40 calls a second. Alerts read the log, so all of it is sent (docs/host.md).
  OTEL_TRACES_SAMPLER: 'microsoft.fixed_percentage'
  OTEL_TRACES_SAMPLER_ARG: '1.0'
  // No span of each request that the host makes of storage: those of polling idle queues were 88 % of what an idle app sent.
  AZURE_TRACING_DISABLED: 'true'
  HTTP_ACCESS: entra ? 'entra' : 'keys'
  PLATFORM_SIGN_IN: entra ? 'true' : 'false'
  // By default the host keeps some lines of HTTP calls and drops the others, with their traces. Alerts and people rely on them.
  // https://learn.microsoft.com/azure/azure-monitor/app/opentelemetry-configuration#enable-sampling
  OTEL_TRACES_SAMPLER: 'microsoft.fixed_percentage'
  OTEL_TRACES_SAMPLER_ARG: '1.0'
}

// The identity of the app takes the place of a client secret when people sign in: it is a federated credential of the app registration.
// https://learn.microsoft.com/azure/app-service/configure-authentication-provider-aad#use-a-managed-identity-instead-of-a-secret-preview
var signInSettings = entra ? { OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identityClientId } : {}

var appSettings = {
  name: 'appsettings'
  properties: union(settings, hostSettings, signInSettings)
}

// Always deployed, also to turn it off: what a template leaves out stays as it was.
var authentication = {
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: entra
      runtimeVersion: '~1'
    }
    // An API answers 401, not a sign-in page.
    globalValidation: {
      requireAuthentication: entra
      unauthenticatedClientAction: entra ? 'Return401' : 'AllowAnonymous'
      // The files of the console, which hold no data; the console leads people to the sign-in. And the webhook of groups with
      // allocation "orchestrator": DPS cannot sign in, and the app checks its key.
      excludedPaths: [
        '/'
        '/console'
        '/console/*'
        '/api/allocations/*'
      ]
    }
    httpSettings: {
      requireHttps: true
    }
    identityProviders: entra
      ? {
          azureActiveDirectory: {
            enabled: true
            registration: {
              clientId: entraClientId
              clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
              openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
            }
            validation: {
              allowedAudiences: [entraClientId, 'api://${entraClientId}']
              // Without a list the platform may let no application in, and answers 403 to a good token. The second one is the Azure
              // CLI, with which people get tokens; its id is the same in every tenant.
              defaultAuthorizationPolicy: {
                allowedApplications: union([entraClientId, '04b07795-8ddb-461a-bbee-02f9e1bf7b46'], allowedApplications)
              }
            }
          }
        }
      : {}
    login: {
      tokenStore: {
        enabled: false
      }
    }
  }
}

module plan 'br/public:avm/res/web/serverfarm:0.7.0' = {
  name: 'plan-${service}'
  params: {
    enableTelemetry: moduleTelemetry
    name: planName
    location: location
    tags: tags
    kind: 'linux'
    skuName: 'FC1'
    reserved: true
    zoneRedundant: false
  }
}

module site 'br/public:avm/res/web/site:0.24.0' = {
  name: 'site-${service}'
  params: {
    enableTelemetry: moduleTelemetry
    name: name
    location: location
    // azd uses this tag to find the app of azure.yaml.
    tags: union(tags, { 'azd-service-name': service })
    kind: 'functionapp,linux'
    serverFarmResourceId: plan.outputs.resourceId
    managedIdentities: {
      userAssignedResourceIds: [identityId]
    }
    httpsOnly: true
    clientAffinityEnabled: false
    // Required for every path. With paths excluded, or with another mode, the platform asks for the certificate by renegotiation,
    // and people have seen the header X-ARR-ClientCert reach an app without proof of possession of the key.
    clientCertEnabled: requiresClientCertificates
    clientCertMode: 'Required'
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetResourceId: empty(subnetId) ? null : subnetId
    basicPublishingCredentialsPolicies: [
      { name: 'ftp', allow: false }
      { name: 'scm', allow: false }
    ]
    functionAppConfig: {
      runtime: {
        name: 'node'
        version: nodeVersion
      }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${blobServiceUri}app-package'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
      }
    }
    siteConfig: {
      // Only what Flex Consumption takes: it refuses ftpsState (error 51021) where the newer validation is in place. It must be set at
      // all, because the default of the module has alwaysOn and ftpsState.
      http20Enabled: true
      minTlsVersion: '1.2'
    }
    configs: [appSettings, authentication]
  }
}

output name string = site.outputs.name
output url string = 'https://${site.outputs.defaultHostname}'
