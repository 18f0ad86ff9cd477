import type { ContainerRequest } from '@azure/cosmos';

/**
 * The containers of the database, as local stack and tests create them; infra/azure/app/cosmos.bicep declares the same.
 * Only what a query filters or sorts by is indexed: every indexed path costs request units at each write.
 */
export const cosmosContainers: readonly (ContainerRequest & { readonly id: string })[] = [
  {
    id: 'devices',
    partitionKey: { paths: ['/id'] },
    indexingPolicy: indexing('/status/?', '/enrollmentGroup/?', '/claim/jobId/?'),
  },
  { id: 'jobs', partitionKey: { paths: ['/jobId'] }, indexingPolicy: indexing('/jobId/?', '/type/?', '/listKey/?') },
  { id: 'groups', partitionKey: { paths: ['/id'] } },
  // -1: documents live for ever unless they say otherwise; reasons of failures do.
  {
    id: 'dead-letters',
    partitionKey: { paths: ['/queue'] },
    defaultTtl: -1,
    indexingPolicy: indexing('/queue/?', '/type/?'),
  },
];

function indexing(...paths: readonly string[]): ContainerRequest['indexingPolicy'] {
  return { includedPaths: paths.map((path) => ({ path })), excludedPaths: [{ path: '/*' }] };
}
