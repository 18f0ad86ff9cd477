import type { DatabaseSync } from 'node:sqlite';
import { badRequest } from '../cosmos-error.ts';
import type { Expression, Query } from './ast.ts';
import { condition, constantOf, extract, type Parameters, pathOf, type Sql, typeOf } from './sql.ts';

export interface QueryScope {
  readonly database: DatabaseSync;
  /** Table of the container's documents. */
  readonly table: string;
  /** JSON of the partition key that the request names, if it names one. */
  readonly partition?: string;
  /** Seconds since 1970, for documents that have expired. */
  readonly nowSeconds: number;
  readonly limit: number;
  /** How many rows of the result went out before. */
  readonly offset: number;
  /** A stored row as the document that clients see. */
  readonly toDocument: (row: StoredRow) => Record<string, unknown>;
}

export interface StoredRow {
  readonly rid: number;
  readonly body: string;
  readonly etag: string;
  readonly ts: number;
}

export interface QueryPage {
  readonly results: unknown[];
  readonly more: boolean;
}

/** Runs a query, or the page of it that begins at `offset`. */
export function runQuery(query: Query, parameters: Parameters, scope: QueryScope): QueryPage {
  const filter = filterOf(query, parameters, scope);
  const window = windowOf(query, parameters, scope);
  const aggregates = selectedCalls(query);
  if (aggregates.length > 0 || query.groupBy.length > 0) return runAggregate(query, parameters, scope, filter);
  if (query.distinct) return runDistinct(query, scope, filter, window);

  const order = query.orderBy.map(({ by, descending }) => `${extract(pathOf(by, 'ORDER BY'))}${descending ? ' DESC' : ''}`);
  const sql = `SELECT rid, body, etag, ts FROM ${scope.table} WHERE ${filter.text} ORDER BY ${[...order, 'rid'].join(', ')} LIMIT ? OFFSET ?`;
  const rows = statement(scope, sql).all(...filter.bindings, window.take + 1, window.skip) as unknown as StoredRow[];
  const documents = rows.slice(0, window.take).map(scope.toDocument);
  return { results: documents.flatMap((document) => project(query, document, parameters)), more: window.mayGoOn && rows.length > window.take };
}

interface Window {
  readonly take: number;
  readonly skip: number;
  /** False where TOP or LIMIT ends the result with this page. */
  readonly mayGoOn: boolean;
}

function windowOf({ top, offset, limit }: Query, parameters: Parameters, scope: QueryScope): Window {
  const number = (expression: Expression | undefined, fallback: number) =>
    expression === undefined ? fallback : Number(constantOf(expression, parameters)?.value);
  const all = Math.min(number(top, Number.POSITIVE_INFINITY), number(limit, Number.POSITIVE_INFINITY));
  const left = all - scope.offset;
  return { take: Math.max(0, Math.min(scope.limit, left)), skip: number(offset, 0) + scope.offset, mayGoOn: left > scope.limit };
}

function filterOf({ where }: Query, parameters: Parameters, { partition, nowSeconds }: QueryScope): Sql {
  const parts: Sql[] = [{ text: '(expires IS NULL OR expires > ?)', bindings: [nowSeconds] }];
  if (partition !== undefined) parts.push({ text: 'pk = ?', bindings: [partition] });
  if (where !== undefined) parts.push(condition(where, parameters));
  return { text: parts.map(({ text }) => text).join(' AND '), bindings: parts.flatMap(({ bindings }) => bindings) };
}

function statement({ database }: QueryScope, sql: string) {
  try {
    return database.prepare(sql);
  } catch (error) {
    throw badRequest(`This stand-in cannot run the query: ${(error as Error).message}`);
  }
}

/** One result row, or none where the value is undefined. */
function project({ select }: Query, document: Record<string, unknown>, parameters: Parameters): unknown[] {
  if (select.kind === 'all') return [document];
  if (select.kind === 'value') {
    const value = valueOf(select.expression, document, parameters);
    return value === undefined ? [] : [value];
  }
  return [Object.fromEntries(select.items.map(({ name, expression }) => [name, valueOf(expression, document, parameters)]))];
}

function valueOf(expression: Expression, document: Record<string, unknown>, parameters: Parameters): unknown {
  const constant = constantOf(expression, parameters);
  if (constant !== undefined) return constant.value;
  let value: unknown = document;
  for (const step of pathOf(expression, 'SELECT')) {
    value = value !== null && typeof value === 'object' ? (value as Record<string | number, unknown>)[step] : undefined;
  }
  return value;
}

function runDistinct(query: Query, scope: QueryScope, filter: Sql, { take, skip, mayGoOn }: Window): QueryPage {
  if (query.select.kind !== 'value') throw badRequest('DISTINCT is supported with VALUE only.');
  const steps = pathOf(query.select.expression, 'DISTINCT');
  const columns = `${extract(steps)} AS value, ${typeOf(steps)} AS type`;
  const sql = `SELECT DISTINCT ${columns} FROM ${scope.table} WHERE ${filter.text} AND ${typeOf(steps)} IS NOT NULL ORDER BY 1 LIMIT ? OFFSET ?`;
  const rows = statement(scope, sql).all(...filter.bindings, take + 1, skip);
  return { results: rows.slice(0, take).map((row) => fromSql(row['value'], row['type'])), more: mayGoOn && rows.length > take };
}

const aggregateNames: Readonly<Record<string, string>> = { COUNT: 'count', SUM: 'sum', MIN: 'min', MAX: 'max', AVG: 'avg' };

function selectedCalls({ select }: Query): Expression[] {
  const selected = select.kind === 'list' ? select.items.map(({ expression }) => expression) : select.kind === 'value' ? [select.expression] : [];
  return selected.filter((expression) => expression.kind === 'call' && expression.name in aggregateNames);
}

function runAggregate(query: Query, parameters: Parameters, scope: QueryScope, filter: Sql): QueryPage {
  const { select, groupBy } = query;
  if (select.kind === 'all') throw badRequest('GROUP BY needs the properties by name.');
  const items = select.kind === 'value' ? [{ name: 'value', expression: select.expression }] : select.items;
  const columns = items.map(({ expression }, index) => `${aggregated(expression, parameters)} AS c${index}, ${columnType(expression)} AS t${index}`);
  const grouped = groupBy.length === 0 ? '' : ` GROUP BY ${groupBy.map((by) => extract(pathOf(by, 'GROUP BY'))).join(', ')}`;
  const sql = `SELECT ${columns.join(', ')} FROM ${scope.table} WHERE ${filter.text}${grouped}`;
  const rows = statement(scope, sql).all(...filter.bindings);
  const results = rows.map((row) => {
    const values = items.map(({ name }, index): [string, unknown] => [name, fromSql(row[`c${index}`], row[`t${index}`])]);
    return select.kind === 'value' ? values[0]?.[1] : Object.fromEntries(values.filter(([, value]) => value !== undefined));
  });
  return { results: results.slice(scope.offset), more: false };
}

function aggregated(expression: Expression, parameters: Parameters): string {
  if (expression.kind !== 'call') return extract(pathOf(expression, 'GROUP BY'));
  const [of] = expression.given;
  if (of === undefined || constantOf(of, parameters) !== undefined) return 'count(*)';
  return `${aggregateNames[expression.name]}(${extract(pathOf(of, expression.name))})`;
}

function columnType(expression: Expression): string {
  return expression.kind === 'path' ? typeOf(expression.steps) : "'number'";
}

/** A value that json_extract gave, as the JSON it was. */
function fromSql(value: unknown, type: unknown): unknown {
  if (type === null) return undefined;
  if (type === 'true' || type === 'false') return type === 'true';
  if (type === 'array' || type === 'object') return JSON.parse(String(value));
  return value;
}
