// Alerts. Each rule reads log lines or metrics of the app, by their names in the code.
param actionGroupName string
param location string
param tags object
param workspaceId string
param email string
@description('Whether the modules of the registry report their use to Microsoft.')
param moduleTelemetry bool

var rules = [
  {
    name: 'poison-queue-not-empty'
    title: 'A queue message failed for good'
    description: 'A message was moved to its poison queue. If it was a chunk, its rows are failed. Look up the reason at GET /api/dead-letters, fix it, and retry the job.'
    severity: 2
    query: '''
      AppTraces
      | where Message has 'dead letter recorded'
      | extend entry = parse_json(Message)
      | where tostring(entry.event) == 'dead letter recorded'
      | project TimeGenerated, queue = tostring(entry.queue), code = tostring(entry.code), Message
    '''
  }
  {
    name: 'job-failed'
    title: 'A job failed'
    description: 'A manifest or an order was refused as a whole. GET /api/jobs/{jobId} has the reason.'
    severity: 2
    query: '''
      AppTraces
      | where Message has 'job finished'
      | extend entry = parse_json(Message)
      | where tostring(entry.event) == 'job finished' and tostring(entry.status) == 'failed'
      | project TimeGenerated, job = tostring(entry.jobId), code = tostring(entry.code)
    '''
  }
  {
    name: 'certificate-ending'
    title: 'A CA certificate ends soon'
    description: 'An issuing CA or a CA above it ends within 60 days. Devices whose chain has ended cannot register again. Roll the group over.'
    severity: 1
    query: '''
      AppTraces
      | where Message has 'certificate ending'
      | extend entry = parse_json(Message)
      | where tostring(entry.event) == 'certificate ending'
      | project TimeGenerated, group = tostring(entry.group), notAfter = tostring(entry.notAfter)
    '''
  }
  {
    name: 'device-certificates-ending'
    title: 'Device certificates end soon'
    description: 'Devices of a group are in the last tenth of the life of their certificate (30 days at most) and have no new one. GET /api/devices?group=GROUP&expiresBefore=30d lists them. Submit their list with onConflict=reissue.'
    severity: 2
    query: '''
      AppTraces
      | where Message has 'device certificates ending'
      | extend entry = parse_json(Message)
      | where tostring(entry.event) == 'device certificates ending'
      | project TimeGenerated, group = tostring(entry.group), devices = toint(entry.devices), earliest = tostring(entry.earliest)
    '''
  }
  {
    name: 'finding-opened'
    title: 'Azure differs from the records'
    description: 'A sweep saw something critical or high: a door of a revoked device is open, a group is missing, an unknown certificate is in use. GET /api/findings?state=open has what was expected and seen, and what to do.'
    severity: 1
    query: '''
      AppTraces
      | where Message has 'finding opened'
      | extend entry = parse_json(Message)
      | where tostring(entry.event) == 'finding opened' and tostring(entry.severity) in ('critical', 'high')
      | project TimeGenerated, kind = tostring(entry.kind), finding = tostring(entry.finding), group = tostring(entry.group)
    '''
  }
  {
    name: 'service-throttling'
    title: 'DPS or IoT Hub throttles the app'
    description: 'The app waits and continues. If this lasts, lower DPS_OPERATIONS_PER_MINUTE or request a higher quota.'
    severity: 3
    query: '''
      AppMetrics
      | where Name in ('fleet.dps.calls', 'fleet.hub.calls') and tostring(Properties['status']) == '429'
      | project TimeGenerated, Name, calls = Sum
    '''
  }
]

module actionGroup 'br/public:avm/res/insights/action-group:0.8.0' = {
  name: 'action-group'
  params: {
    enableTelemetry: moduleTelemetry
    name: actionGroupName
    location: 'global'
    tags: tags
    // At most 12 characters. Notifications begin with it.
    groupShortName: 'fleet'
    emailReceivers: empty(email)
      ? []
      : [
          {
            name: 'operator'
            emailAddress: email
            useCommonAlertSchema: true
          }
        ]
  }
}

module queryRules 'br/public:avm/res/insights/scheduled-query-rule:0.6.0' = [
  for rule in rules: {
    name: 'alert-${rule.name}'
    params: {
      enableTelemetry: moduleTelemetry
      name: 'alert-${rule.name}'
      location: location
      tags: tags
      alertDisplayName: rule.title
      alertDescription: rule.description
      severity: rule.severity
      scopes: [workspaceId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      autoMitigate: true
      // Before the app has logged for the first time, AppTraces has no columns that the query could be validated against.
      skipQueryValidation: true
      actions: {
        actionGroupResourceIds: [actionGroup.outputs.resourceId]
      }
      criterias: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
    }
  }
]

output actionGroupId string = actionGroup.outputs.resourceId
