import { runBatch } from './batch.ts';
import { type DocumentOperation, runOperation } from './document-operation.ts';
import { badRequest, CosmosError, notFound } from './errors.ts';
import { account, feed, ok, ownerPath, ranges } from './metadata.ts';
import { type PartitionKey, parsePartitionKey } from './partition-key.ts';
import { parseQuery } from './query/parse.ts';
import { queryPlan } from './query/run.ts';
import type { CosmosAnswer, CosmosRequest, ResourceLink } from './request.ts';
import { createThroughput, emptyCharge, queryCharge, type Throughput, unlimited } from './request-units.ts';
import type { Catalog, OpenContainer, Resource } from './store/catalog.ts';
import type { GroupCommit } from './store/database.ts';
import { resourceId } from './store/document.ts';

/** A budget of request units per second. */
export interface ThroughputLimit {
  readonly ruPerSecond: number;
  /** Each container has its own budget, or all containers of a database share one. */
  readonly per: 'container' | 'database';
}

export interface CosmosServiceOptions {
  readonly catalog: Catalog;
  readonly commits: GroupCommit;
  readonly throughput?: ThroughputLimit;
  /** Clock of the throughput budgets, in milliseconds. */
  readonly now: () => number;
}

/**
 * Creates the function that answers requests. It is synchronous, so a request sees no other request's partial writes.
 * The function throws the CosmosError that the service would answer.
 */
export function createCosmosService({ catalog, commits, throughput: limit, now }: CosmosServiceOptions) {
  const budgets = new Map<string, Throughput>();

  function budgetOf({ database, container }: ResourceLink): Throughput {
    if (limit === undefined) return unlimited;
    const name = limit.per === 'database' ? database : `${database}/${container}`;
    const budget = budgets.get(name) ?? createThroughput(limit.ruPerSecond, now);
    budgets.set(name, budget);
    return budget;
  }

  return (received: CosmosRequest): CosmosAnswer => {
    const link = { ...received.link, ...catalog.named(received.link) };
    const answer = answerTo({ ...received, link });
    return { ...answer, headers: { ...ownerPath(link), ...answer.headers } };
  };

  function answerTo(request: CosmosRequest): CosmosAnswer {
    const { method, link } = request;
    switch (`${method} ${link.kind}`) {
      case 'GET account':
        return ok(account(request.origin));
      case 'GET databases':
        return feed('', 'Databases', catalog.databases());
      case 'POST databases':
        return isQuery(request)
          ? feed('', 'Databases', named(catalog.databases(), request))
          : ok(catalog.createDatabase(json(request)), 201);
      case 'GET database':
        return ok(catalog.readDatabase(link.database));
      case 'DELETE database':
        catalog.deleteDatabase(link.database);
        return { status: 204, charge: emptyCharge };
      case 'GET containers':
        return feed('', 'DocumentCollections', catalog.containers(link.database));
      case 'POST containers':
        return isQuery(request)
          ? feed('', 'DocumentCollections', named(catalog.containers(link.database), request))
          : ok(catalog.createContainer(link.database, json(request)).resource, 201);
      case 'GET container':
        return ok(catalog.container(link.database, link.container).resource);
      case 'PUT container':
        return ok(catalog.replaceContainer(link.database, link.container, json(request)).resource);
      case 'DELETE container':
        catalog.deleteContainer(link.database, link.container);
        return { status: 204, charge: emptyCharge };
      case 'GET ranges':
        return ranges(catalog.container(link.database, link.container), request);
      case 'GET documents':
        if (request.header('a-im') !== undefined) throw badRequest('The emulator does not support the change feed.');
        return query(request, { query: 'SELECT * FROM c', parameters: [] });
      case 'POST documents':
        return postDocuments(request);
      case 'GET document':
        return single(request, 'Read');
      case 'PUT document':
        return single(request, 'Replace');
      case 'PATCH document':
        return single(request, 'Patch');
      case 'DELETE document':
        return single(request, 'Delete');
      default:
        if (link.kind === 'offers') throw notFound('The emulator has no offers.');
        throw new CosmosError(405, 'MethodNotAllowed', `${method} is not allowed here.`);
    }
  }

  function postDocuments(request: CosmosRequest): CosmosAnswer {
    const { header } = request;
    if (isTrue(header('x-ms-cosmos-is-query-plan-request'))) {
      parseQuery(querySpec(request).query);
      return { status: 200, body: JSON.stringify(queryPlan), charge: emptyCharge };
    }
    if (isQuery(request)) return query(request, querySpec(request));
    if (!isTrue(header('x-ms-cosmos-is-batch-request'))) {
      return single(request, isTrue(header('x-ms-documentdb-is-upsert')) ? 'Upsert' : 'Create');
    }
    if (request.body[0] === hybridRow) {
      throw badRequest(
        'The batch is binary (HybridRow), as the .NET SDK sends it. The emulator reads batches in JSON, which the SDKs for ' +
          'JavaScript, Java and Python send. Send the operations of this batch one by one.',
      );
    }
    const container = catalog.container(request.link.database, request.link.container);
    const options = {
      atomic: isTrue(header('x-ms-cosmos-batch-atomic')),
      continueOnError: !/^false$/i.test(header('x-ms-cosmos-batch-continue-on-error') ?? 'true'),
      partition: partitionOf(request, container),
      withBodies: !wantsMinimal(request),
    };
    return runBatch(container, json(request), options, budgetOf(request.link), commits);
  }

  function single(request: CosmosRequest, type: string): CosmosAnswer {
    const { link, header } = request;
    const container = catalog.container(link.database, link.container);
    const budget = budgetOf(link);
    budget.admit();
    const operation: DocumentOperation = {
      type,
      ...(link.kind === 'document' && { id: link.document }),
      partition: partitionOf(request, container),
      body: request.body.length === 0 ? undefined : json(request),
      ifMatch: header('if-match'),
      ifNoneMatch: header('if-none-match'),
    };
    const { status, document, charge } = charged(budget, () => runOperation(container, operation));
    if (document === undefined) return { status, charge };
    const headers = { etag: `"${document.etag}"` };
    if (type !== 'Read' && wantsMinimal(request)) return { status, charge, headers };
    return { status, charge, body: container.documents.toJson(document), headers };
  }

  function query(request: CosmosRequest, { query: text, parameters }: QuerySpec): CosmosAnswer {
    const { link, header } = request;
    const container = catalog.container(link.database, link.container);
    const budget = budgetOf(link);
    budget.admit();
    // The Java SDK sends an empty continuation with its first request.
    const page = {
      maxItems: pageSize(header('x-ms-max-item-count')),
      continuation: header('x-ms-continuation') || undefined,
    };
    const values = new Map(parameters.map(({ name, value }) => [name, value]));
    const { results, rows, continuation } = charged(budget, () =>
      container.documents.query(text, values, partitionOf(request, container), page),
    );
    const rid = resourceId(container.databaseRid, container.rid);
    const body = `{"_rid":"${rid}","Documents":[${results.join(',')}],"_count":${results.length}}`;
    const charge = queryCharge(rows, body.length);
    budget.spend(charge);
    return {
      status: 200,
      body,
      charge,
      headers: {
        'x-ms-item-count': String(results.length),
        ...(continuation !== undefined && { 'x-ms-continuation': continuation }),
      },
    };
  }
}

/** Charges an operation to the budget, even if it fails. */
function charged<T>(budget: Throughput, run: () => T): T {
  try {
    const outcome = run();
    budget.spend((outcome as { charge?: number }).charge ?? 0);
    return outcome;
  } catch (error) {
    budget.spend(emptyCharge);
    throw error;
  }
}

interface QuerySpec {
  readonly query: string;
  readonly parameters: readonly { readonly name: string; readonly value: unknown }[];
}

function querySpec(request: CosmosRequest): QuerySpec {
  const { query, parameters = [] } = (json(request) ?? {}) as Partial<QuerySpec>;
  const isParameter = (item: unknown) => typeof (item as { name?: unknown } | null)?.name === 'string';
  if (typeof query !== 'string') throw badRequest('The query is not a string.');
  if (!Array.isArray(parameters) || !parameters.every(isParameter))
    throw badRequest('The parameters of a query must be an array of objects with name and value.');
  return { query, parameters };
}

const isTrue = (value: string | undefined) => /^true$/i.test(value ?? '');

function isQuery({ header }: CosmosRequest): boolean {
  return isTrue(header('x-ms-documentdb-isquery')) || /query\+json/i.test(header('content-type') ?? '');
}

/** The writer does not want the document back. Its etag is in a header. */
function wantsMinimal({ header }: CosmosRequest): boolean {
  return /^return=minimal$/i.test(header('prefer') ?? '');
}

/** The first byte of a body in HybridRow, version 1. JSON never begins with it. https://github.com/microsoft/HybridRow */
const hybridRow = 0x81;

function partitionOf({ header }: CosmosRequest, { definition }: OpenContainer): PartitionKey | undefined {
  const key = header('x-ms-documentdb-partitionkey');
  return key === undefined ? undefined : parsePartitionKey(key, definition.partitionKey.paths.length);
}

/** The default of the service, and our page size if the client sends -1, which leaves it to the service. */
const defaultPageSize = 100;
const dynamicPageSize = 1000;

function pageSize(header: string | undefined): number {
  if (header === undefined) return defaultPageSize;
  const size = Number(header);
  if (size === -1) return dynamicPageSize;
  if (!Number.isInteger(size) || size < 1) throw badRequest('x-ms-max-item-count must be a positive number or -1.');
  return Math.min(size, 10_000);
}

function json({ body }: CosmosRequest): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw badRequest('The request body is not valid JSON.');
  }
}

/** Runs a query over databases or containers. Supports only the queries that the SDK sends: all, and by id. */
function named(resources: readonly Resource[], request: CosmosRequest): Resource[] {
  const { query, parameters } = querySpec(request);
  if (/^\s*SELECT\s+\*\s+FROM\s+\w+\s*$/i.test(query)) return [...resources];
  const [, name] = /^\s*SELECT\s+\*\s+FROM\s+(?:\w+\s+)?\w+\s+WHERE\s+\w+\.id\s*=\s*(@\w+)\s*$/i.exec(query) ?? [];
  if (name === undefined) throw badRequest('The emulator finds databases and containers by id only.');
  const wanted = parameters.find((parameter) => parameter.name === name)?.value;
  return resources.filter(({ id }) => id === wanted);
}
