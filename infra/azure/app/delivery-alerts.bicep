// Alerts on events that Event Grid could not deliver. An upload whose event is lost becomes no job.
// https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-eventgrid-systemtopics-metrics
param topicId string
@description('What the topic is about, as part of the names of its alerts.')
param about string
param tags object
param actionGroupId string

// A rule per metric, because the criteria of one rule must all be met.
var rules = [
  {
    metric: 'DeadLetteredCount'
    severity: 1
    description: 'Event Grid gave events up after a day and put them in the container undelivered-events. docs/deploy.md#events-that-were-not-delivered says what to do.'
  }
  {
    metric: 'DroppedEventCount'
    severity: 1
    description: 'Event Grid gave events up and could not keep them. docs/deploy.md#events-that-were-not-delivered says what to do.'
  }
  {
    metric: 'DeliveryAttemptFailCount'
    severity: 3
    description: 'Event Grid could not deliver events, and tries again for a day. If this lasts, look at the roles of the topic and the firewall of the storage account.'
  }
]

resource alerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for rule in rules: {
    name: 'alert-${about}-${rule.metric}'
    location: 'global'
    tags: tags
    properties: {
      description: rule.description
      severity: rule.severity
      enabled: true
      scopes: [topicId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      autoMitigate: true
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: rule.metric
            metricNamespace: 'Microsoft.EventGrid/systemTopics'
            metricName: rule.metric
            operator: 'GreaterThan'
            threshold: 0
            timeAggregation: 'Total'
          }
        ]
      }
      actions: [{ actionGroupId: actionGroupId }]
    }
  }
]
