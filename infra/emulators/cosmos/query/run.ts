import { isDeepStrictEqual } from 'node:util';
import { badRequest } from '../errors.ts';
import type { Expression, Query } from './parse.ts';
import {
  condition,
  constantOf,
  elementsOf,
  join,
  pathOf,
  type QueryContext,
  type Sql,
  type SqlValue,
  scalar,
  toJson,
  typed,
  value,
} from './sql.ts';

/** The rows of a query: those of a container or of one partition. */
export interface QueryScope {
  readonly table: string;
  /** Condition for every row: partition and expiry. */
  readonly filter: Sql;
  /** ` INDEXED BY ...` if the index is known in advance, otherwise empty. */
  readonly indexedBy: string;
  readonly all: (sql: Sql) => Record<string, unknown>[];
  /** Writes a row as the JSON that clients see. */
  readonly toJson: (row: Record<string, unknown>) => string;
}

export interface PageRequest {
  readonly maxItems: number;
  readonly continuation?: string;
}

export interface QueryPage {
  /** JSON. */
  readonly results: readonly string[];
  readonly continuation?: string;
  /** Number of rows that were loaded. */
  readonly rows: number;
}

/** Per page, "Maximum response size: 4 MB", https://learn.microsoft.com/azure/cosmos-db/concepts-limits#per-request-limits */
const maxPageBytes = 4 * 1024 * 1024;

/** Runs one page of a query. @throws CosmosError 400 that names the unsupported part */
export function runQuery(query: Query, context: QueryContext, scope: QueryScope, request: PageRequest): QueryPage {
  const where = query.where === undefined ? [] : [condition(query.where, context)];
  const filter = conjunction([scope.filter, ...where]);
  if (query.join !== undefined && !hasAggregates(query))
    throw badRequest('The emulator supports JOIN with aggregates only.');
  if (hasAggregates(query) || query.groupBy.length > 0) return runAggregate(query, context, scope, filter);
  if (query.distinct) return runDistinct(query, context, scope, filter, request);
  return runRows(query, context, scope, filter, request);
}

/**
 * Sorts by the requested order, then by id and row id, so that each row has a unique position. A page continues after the
 * position of the last row, not after a count. So concurrent writes do not move a row into or out of the next pages.
 */
function runRows(query: Query, context: QueryContext, scope: QueryScope, filter: Sql, request: PageRequest): QueryPage {
  const asked = query.orderBy.map(({ by, descending }) => ({
    text: typed(pathOf(by, 'ORDER BY'), context.columns),
    descending,
  }));
  const descending = asked.at(-1)?.descending ?? false;
  const id = typed({ kind: 'path', steps: ['id'] }, context.columns);
  const ties = asked.some(({ text }) => text === id) ? ['rid'] : [id, 'rid'];
  const order = [...asked, ...ties.map((text) => ({ text, descending }))];
  const page = windowOf(query, context, request, order.length);
  const values = order.map(({ text }, index) => `${text} AS o${index}`);
  const selected = columnsOf(query, context);
  const after = page.after === undefined ? [] : [placedAfter(order, page.after)];
  const rows = scope.all(
    join(
      `SELECT ${[selected.text, ...values].join(', ')} FROM ${scope.table}${scope.indexedBy} WHERE ` +
        `${conjunction([filter, ...after]).text} ORDER BY ` +
        `${order.map((by) => by.text + (by.descending ? ' DESC' : '')).join(', ')} LIMIT ? OFFSET ?`,
      selected,
      conjunction([filter, ...after]),
      { text: '', bindings: [page.take + 1, page.skip] },
    ),
  );
  const results: string[] = [];
  let bytes = 0;
  let taken = 0;
  for (const row of rows.slice(0, page.take)) {
    const result = resultOf(query, row, scope);
    bytes += result?.length ?? 0;
    if (bytes > maxPageBytes && taken > 0) break;
    taken += 1;
    if (result !== undefined) results.push(result);
  }
  const last = rows[taken - 1];
  const left = page.left === undefined ? undefined : page.left - taken;
  if (last === undefined || rows.length <= taken || left === 0) return { results, rows: taken };
  const place = order.map((_, index) => last[`o${index}`] as SqlValue);
  return { results, rows: taken, continuation: writeContinuation({ left, after: place }) };
}

interface Window {
  readonly take: number;
  readonly skip: number;
  readonly left?: number;
  readonly after?: readonly SqlValue[];
}

function windowOf(
  { top, offset, limit }: Query,
  context: QueryContext,
  { maxItems, continuation }: PageRequest,
  sortValues: number,
): Window {
  const count = (expression: Expression | undefined): number | undefined => {
    if (expression === undefined) return undefined;
    const value = constantOf(expression, context)?.value;
    if (!Number.isSafeInteger(value) || Number(value) < 0)
      throw badRequest('TOP, OFFSET and LIMIT need a whole number.');
    return Number(value);
  };
  const ends = [count(top), count(limit)].filter((end) => end !== undefined);
  const begun = continuation === undefined ? {} : readContinuation(continuation, sortValues);
  const left = begun.left ?? (ends.length === 0 ? undefined : Math.min(...ends));
  return {
    left,
    after: begun.after,
    skip: begun.skip ?? (begun.after === undefined ? (count(offset) ?? 0) : 0),
    take: Math.min(maxItems, left ?? maxItems),
  };
}

interface Order {
  readonly text: string;
  readonly descending: boolean;
}

/** Condition for the rows after a position. SQLite sorts NULL first, or last in descending order. */
function placedAfter([first, ...rest]: readonly Order[], [value = null, ...values]: readonly SqlValue[]): Sql {
  if (first === undefined) return { text: '0', bindings: [] };
  const { text, descending } = first;
  if (rest.length === 0) return { text: `(${text} ${descending ? '<' : '>'} ?)`, bindings: [value] };
  const further = placedAfter(rest, values);
  if (value === null) {
    const same = join(`(${text} IS NULL AND ${further.text})`, further);
    return descending ? same : join(`(${text} IS NOT NULL OR ${same.text})`, same);
  }
  const same: Sql = { text: `(${text} = ? AND ${further.text})`, bindings: [value, ...further.bindings] };
  if (descending)
    return { text: `(${text} < ? OR ${text} IS NULL OR ${same.text})`, bindings: [value, ...same.bindings] };
  // The first half is redundant, but lets SQLite start at that point of an index.
  return { text: `(${text} >= ? AND (${text} > ? OR ${same.text}))`, bindings: [value, value, ...same.bindings] };
}

/** The selected columns: those of the document, or only the selected values, which an index may contain. */
function columnsOf({ select }: Query, context: QueryContext): Sql {
  if (select.kind === 'all') return { text: documentColumns, bindings: [] };
  const items = select.kind === 'value' ? [select.expression] : select.items.map(({ expression }) => expression);
  const columns = items.map((item, index) => {
    if (isDocument(item)) return { text: documentColumns, bindings: [] };
    const { text, bindings } = scalar(item, context);
    return { text: `${text} AS v${index}`, bindings };
  });
  return { text: columns.map(({ text }) => text).join(', '), bindings: columns.flatMap(({ bindings }) => bindings) };
}

const documentColumns = 'rid, body, etag, ts';

const isDocument = (expression: Expression) =>
  expression.kind === 'path' && expression.element === undefined && expression.steps.length === 0;

/** @returns the JSON of one result, or undefined if the selected value is undefined */
function resultOf(
  { select }: Query,
  row: Record<string, unknown>,
  { toJson: documentOf }: QueryScope,
): string | undefined {
  const jsonOf = (expression: Expression, index: number) =>
    isDocument(expression) ? documentOf(row) : toJson(row[`v${index}`]);
  if (select.kind === 'all') return documentOf(row);
  if (select.kind === 'value') return jsonOf(select.expression, 0);
  return objectOf(select.items.map(({ name, expression }, index) => [name, jsonOf(expression, index)]));
}

function objectOf(members: readonly (readonly [string, string | undefined])[]): string {
  const defined = members.filter(([, value]) => value !== undefined);
  return `{${defined.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
}

function runDistinct(
  query: Query,
  context: QueryContext,
  scope: QueryScope,
  filter: Sql,
  request: PageRequest,
): QueryPage {
  if (query.select.kind !== 'value') throw badRequest('The emulator supports DISTINCT with VALUE only.');
  if (query.orderBy.length > 0) throw badRequest('The emulator does not support DISTINCT with ORDER BY.');
  const page = windowOf(query, context, request, 0);
  const distinct = typed(pathOf(query.select.expression, 'DISTINCT'), context.columns);
  const rows = scope.all({
    text: `SELECT DISTINCT ${distinct} AS v0 FROM ${scope.table}${scope.indexedBy} WHERE ${filter.text} AND ${distinct} IS NOT NULL ORDER BY 1 LIMIT ? OFFSET ?`,
    bindings: [...filter.bindings, page.take + 1, page.skip],
  });
  const results = rows.slice(0, page.take).map((row) => toJson(row['v0']) ?? 'null');
  const left = page.left === undefined ? undefined : page.left - results.length;
  if (rows.length <= page.take || left === 0) return { results, rows: results.length };
  return { results, rows: results.length, continuation: writeContinuation({ left, skip: page.skip + results.length }) };
}

const aggregates: Readonly<Record<string, (value: string) => string>> = {
  COUNT: (value) => `count(${value})`,
  // Other types than numbers are ignored.
  SUM: (value) => `sum(CASE typeof(${value}) WHEN 'real' THEN ${value} WHEN 'integer' THEN ${value} END)`,
  AVG: (value) => `avg(CASE typeof(${value}) WHEN 'real' THEN ${value} WHEN 'integer' THEN ${value} END)`,
  MIN: (value) => `min(${value})`,
  MAX: (value) => `max(${value})`,
};

function hasAggregates({ select }: Query): boolean {
  const items = select.kind === 'list' ? select.items : select.kind === 'value' ? [select] : [];
  return items.some(({ expression }) => expression.kind === 'call' && expression.name in aggregates);
}

/** One result per group, all in one page. */
function runAggregate(query: Query, context: QueryContext, scope: QueryScope, filter: Sql): QueryPage {
  const { select, groupBy, distinct, orderBy, top, offset } = query;
  if (select.kind === 'all') throw badRequest('GROUP BY does not allow SELECT *. Name the properties.');
  if (distinct || orderBy.length > 0 || top !== undefined || offset !== undefined) {
    throw badRequest('The emulator does not support DISTINCT, ORDER BY, TOP or OFFSET with aggregates or GROUP BY.');
  }
  const groups = groupBy.map((by) => value(by, context));
  const items = select.kind === 'value' ? [{ name: '', expression: select.expression }] : select.items;
  const columns = items.map(({ expression }, index) => {
    const column = aggregated(expression, context, groupBy);
    return { text: `${column.text} AS v${index}`, bindings: column.bindings };
  });
  const grouped = groups.length === 0 ? '' : ` GROUP BY ${groups.map(({ text }) => text).join(', ')}`;
  const elements = query.join && elementsOf(query.join);
  const from = `${scope.table}${scope.indexedBy}${elements === undefined ? '' : `, ${elements.table}`}`;
  const where = elements === undefined ? filter.text : `${filter.text} AND ${elements.condition}`;
  const rows = scope.all(
    join(
      `SELECT ${columns.map(({ text }) => text).join(', ')}, count(*) AS loaded FROM ${from} WHERE ${where}${grouped}`,
      ...columns,
      filter,
      ...groups,
    ),
  );
  const results = rows.flatMap((row) => {
    const values = items.map(({ name }, index) => [name, toJson(row[`v${index}`])] as const);
    return select.kind === 'value' ? (values[0]?.[1] ?? []) : objectOf(values);
  });
  return { results, rows: rows.reduce((sum, row) => sum + Number(row['loaded']), 0) };
}

function aggregated(expression: Expression, context: QueryContext, groupBy: readonly Expression[]): Sql {
  if (groupBy.some((by) => isDeepStrictEqual(by, expression))) return value(expression, context);
  if (expression.kind === 'call') {
    const [of] = expression.given;
    const aggregate = aggregates[expression.name];
    if (aggregate === undefined || of === undefined)
      throw badRequest(`${expression.name} is not a supported aggregate.`);
    if (constantOf(of, context) !== undefined) {
      if (expression.name !== 'COUNT')
        throw badRequest(`The emulator supports ${expression.name} for a property only.`);
      return { text: 'count(*)', bindings: [] };
    }
    return { text: aggregate(typed(pathOf(of, expression.name), context.columns)), bindings: [] };
  }
  throw badRequest('A selected property is neither an aggregate nor in the GROUP BY clause.');
}

function conjunction(parts: readonly Sql[]): Sql {
  const texts = parts.map(({ text }) => text).filter((text) => text !== '');
  return { text: texts.length === 0 ? '1' : texts.join(' AND '), bindings: parts.flatMap(({ bindings }) => bindings) };
}

/** Where the next page of a query starts. */
export interface Continuation {
  /** Number of rows still allowed by TOP or LIMIT. */
  readonly left?: number;
  /** Sort values of the last row. */
  readonly after?: readonly SqlValue[];
  /** Number of rows to skip, for a query without a defined order. */
  readonly skip?: number;
}

/** Writes a continuation token, which is sent in an HTTP header. */
function writeContinuation({ left, after, skip }: Continuation): string {
  const values = after?.map((value) => (value instanceof Uint8Array ? [Buffer.from(value).toString('base64')] : value));
  return Buffer.from(JSON.stringify({ left, after: values, skip })).toString('base64url');
}

/** @throws CosmosError 400 if the token is invalid, or its number of sort values differs from that of the query */
function readContinuation(token: string, sortValues: number): Continuation {
  let parsed: { left?: unknown; after?: unknown; skip?: unknown } | null;
  try {
    parsed = JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch {
    parsed = null;
  }
  const { left, after, skip } = parsed ?? {};
  const isCount = (value: unknown) => value === undefined || (Number.isSafeInteger(value) && Number(value) >= 0);
  const isValue = (value: unknown) =>
    value === null ||
    ['string', 'number'].includes(typeof value) ||
    (Array.isArray(value) && typeof value[0] === 'string');
  const isOrder = after === undefined || (Array.isArray(after) && after.length === sortValues && after.every(isValue));
  if (parsed === null || !isCount(left) || !isCount(skip) || !isOrder) throw badRequest('Invalid Continuation Token.');
  return {
    left: left as number | undefined,
    skip: skip as number | undefined,
    after: (after as (SqlValue | [string])[] | undefined)?.map((value) =>
      Array.isArray(value) ? Buffer.from(value[0], 'base64') : value,
    ),
  };
}

/**
 * The plan of every query: send it unchanged to the only range. On the service, a client merges, sorts and aggregates the results
 * of several ranges. Here the only range returns the complete result in order.
 */
export const queryPlan = {
  partitionedQueryExecutionInfoVersion: 2,
  queryInfo: {
    distinctType: 'None',
    top: null,
    offset: null,
    limit: null,
    orderBy: [],
    orderByExpressions: [],
    groupByExpressions: [],
    groupByAliases: [],
    aggregates: [],
    groupByAliasToAggregateType: {},
    rewrittenQuery: '',
    hasSelectValue: true,
    hasNonStreamingOrderBy: false,
    dCountInfo: null,
  },
  queryRanges: [{ min: '', max: 'FF', isMinInclusive: true, isMaxInclusive: false }],
};
