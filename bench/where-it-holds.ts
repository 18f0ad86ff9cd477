/**
 * What each figure says about a deployment in Azure, by the name of the benchmark. In docs/performance.md. Figures that are ratios on one
 * processor carry over; rates of a whole stack do not, because the services of Azure have other limits than the emulators.
 */
export const inAzure: Readonly<Record<string, string>> = {
  'issue-p256': 'The ratios hold. The rate is that of one core; an instance of 2,048 MB has one.',
  'issue-p256-2': 'The ratio holds for an instance with two cores (4,096 MB).',
  'issue-csr': 'The ratios hold.',
  'chunk-cpu':
    'The ratio holds for the code of the app. The host of Azure Functions adds its own CPU time per message, which is not measured here.',
  pipeline:
    'On the bench only. In Azure the rate is the smallest of "What limits you": with serverless Cosmos DB that is the request units.',
  'pipeline-vault':
    'The ratio to direct holds, because the limits of the vault are the documented ones. The ratio to a local key holds where a vault answers in about 15 ms. The rates are those of the bench.',
  'scale-out':
    'The ratio holds while no service is at its limit. It shows that hosts on the same queues do not wait for each other.',
  'small-job':
    'On the bench only. In Azure, add up to 2 s until an idle queue is polled (host.json), and the start of an instance after idle time.',
  growth: 'Holds: time per device and memory depend on the code, and the memory is that of an instance of 2,048 MB.',
  million: 'Memory and the growth of time hold. The duration is that of the bench.',
  split: 'Holds.',
  cost: 'Operations per device hold. Request units are higher in Azure, because the service also charges for indexed paths.',
  cold: 'The ratio holds. The time is that of this machine with files in the page cache, without the start of the instance.',
  query: 'The ratio of p99 to p50 holds. Rates and times are without the network and the front end of Azure.',
  certificates: 'On the bench only: Cosmos DB answers queries in its own time, and charges for them.',
  sweep: 'Memory holds. In Azure the quotas of DPS and of the hubs set the time, not the processor.',
  'renewal-burst': 'Holds: it is a simulation with the quotas of Azure.',
  demo: 'On the bench only.',
};
