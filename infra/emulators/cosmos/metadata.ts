import type { CosmosAnswer, CosmosRequest, ResourceLink } from './request.ts';
import { emptyCharge } from './request-units.ts';
import type { OpenContainer, Resource } from './store/catalog.ts';
import { resourceId } from './store/document.ts';

export const ok = (resource: Resource, status = 200): CosmosAnswer => ({
  status,
  body: JSON.stringify(resource),
  charge: emptyCharge,
  ...(typeof resource['_etag'] === 'string' && { headers: { etag: resource['_etag'] } }),
});

export function feed(rid: string, name: string, resources: readonly Resource[]): CosmosAnswer {
  return ok({ _rid: rid, [name]: resources, _count: resources.length });
}

/**
 * "x-ms-alt-content-path": the path of the owner by names (https://learn.microsoft.com/rest/api/cosmos-db/common-cosmosdb-rest-response-headers).
 * The Java SDK fails to create a container without it. How the service writes other characters than ASCII is not published.
 */
export function ownerPath({ database, container, kind }: ResourceLink): Record<string, string> {
  if (database === '' || kind === 'database') return {};
  const ofDatabase = `dbs/${encodeURI(database)}`;
  const isInContainer = kind === 'documents' || kind === 'document' || kind === 'ranges';
  return { 'x-ms-alt-content-path': isInContainer ? `${ofDatabase}/colls/${encodeURI(container)}` : ofDatabase };
}

/** The version of the ranges of a container. They never change. */
const rangesEtag = '"1"';

/**
 * One physical partition, as the service has for a small container. A client that reads the ranges as an incremental feed asks
 * again with the etag of the answer until nothing is new. Without the 304 it would ask for ever.
 */
export function ranges({ databaseRid, rid }: OpenContainer, { header }: CosmosRequest): CosmosAnswer {
  const headers = { etag: rangesEtag };
  const isIncremental = /^incremental feed$/i.test(header('a-im') ?? '');
  if (isIncremental && header('if-none-match') === rangesEtag) return { status: 304, headers, charge: emptyCharge };
  const range = {
    id: '0',
    minInclusive: '',
    maxExclusive: 'FF',
    ridPrefix: 0,
    throughputFraction: 1,
    status: 'online',
    parents: [],
  };
  return { ...feed(resourceId(databaseRid, rid), 'PartitionKeyRanges', [range]), headers };
}

/**
 * The limits of queries, as the service names them to its clients. The .NET SDK gives them to its parser of queries. The figures are
 * those that accounts of the service are seen to answer. The emulator itself does not count.
 */
const queryEngineConfiguration = {
  maxSqlQueryInputLength: 262_144,
  maxJoinsPerSqlQuery: 5,
  maxLogicalAndPerSqlQuery: 500,
  maxLogicalOrPerSqlQuery: 500,
  maxUdfRefPerSqlQuery: 10,
  maxInExpressionItemsCount: 16_000,
  queryMaxInMemorySortDocumentCount: 500,
  maxQueryRequestTimeoutFraction: 0.9,
  sqlAllowNonFiniteNumbers: false,
  sqlAllowAggregateFunctions: true,
  sqlAllowSubQuery: true,
  sqlAllowScalarSubQuery: true,
  allowNewKeywords: true,
  sqlAllowLike: true,
  sqlAllowGroupByClause: true,
  maxSpatialQueryCells: 12,
  spatialMaxGeometryPointCount: 256,
  sqlDisableOptimizationFlags: 0,
  sqlAllowTop: true,
  enableSpatialIndexing: true,
};

/** The account. @param origin the URL under which the client reached this server */
export function account(origin: string): Resource {
  const location = { name: 'Local', databaseAccountEndpoint: `${origin}/` };
  return {
    id: 'local',
    _rid: 'local',
    _self: '',
    _dbs: '//dbs/',
    media: '//media/',
    addresses: '//addresses/',
    writableLocations: [location],
    readableLocations: [location],
    enableMultipleWriteLocations: false,
    userReplicationPolicy: { asyncReplication: false, minReplicaSetSize: 1, maxReplicasetSize: 4 },
    userConsistencyPolicy: { defaultConsistencyLevel: 'Session' },
    systemReplicationPolicy: { minReplicaSetSize: 1, maxReplicasetSize: 4 },
    readPolicy: { primaryReadCoefficient: 1, secondaryReadCoefficient: 1 },
    // JSON in a string.
    queryEngineConfiguration: JSON.stringify(queryEngineConfiguration),
  };
}
