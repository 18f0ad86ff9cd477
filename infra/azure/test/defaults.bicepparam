// What azd deploys when nobody sets an option. npm run check:infra evaluates it without a subscription.
using '../main.bicep'

param environmentName = 'defaults'
param location = 'westeurope'
