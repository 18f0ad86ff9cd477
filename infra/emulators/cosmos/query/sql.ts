import { badRequest } from '../errors.ts';
import type { Expression } from './parse.ts';

/** Steps below a document: member names and array positions. */
export type Steps = readonly (string | number)[];

/** What SQLite binds and gives. */
export type SqlValue = string | number | null | Uint8Array;

/*
 * A JSON value as one SQLite value that keeps types apart, so that one column can be compared, sorted and indexed by
 * itself: text and numbers are themselves, undefined is NULL, and null, booleans, arrays and objects are BLOBs of their
 * JSON. SQLite never takes one storage class for another, and orders NULL < numbers < text < BLOB.
 */

/** Columns that hold the value of a path, by the path in SQLite's spelling: those that are indexed. */
export type PathColumns = ReadonlyMap<string, string>;

/** SQL of the value at some steps: the column that holds it, or else what reads it out of the body. */
export function typed(steps: Steps, columns: PathColumns): string {
  const system = steps.length === 1 ? systemColumns[String(steps[0])] : undefined;
  return system ?? columns.get(jsonPath(steps)) ?? typedFromBody(steps);
}

export function typedFromBody(steps: Steps): string {
  const path = quoted(jsonPath(steps));
  return (
    `CASE json_type(body,${path}) WHEN 'text' THEN json_extract(body,${path}) ` +
    // REAL, as a JavaScript number is: an integer beyond 2^53 would not come back as one.
    `WHEN 'integer' THEN CAST(json_extract(body,${path}) AS REAL) WHEN 'real' THEN json_extract(body,${path}) ` +
    `ELSE CAST(body->${path} AS BLOB) END`
  );
}

/** What lies in a column of its own, not in the body. */
const systemColumns: Readonly<Record<string, string>> = {
  id: 'id',
  _ts: 'ts',
  _etag: `('"' || etag || '"')`,
};

export function toSqlValue(value: unknown): SqlValue {
  if (typeof value === 'string' || typeof value === 'number') return value;
  return value === undefined ? null : Buffer.from(JSON.stringify(value));
}

/** JSON text of a value that `typed` gave; undefined for NULL. */
export function toJson(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  return value instanceof Uint8Array ? Buffer.from(value).toString() : JSON.stringify(value);
}

/** A path of SQLite's JSON functions, quoted so that any member name is one. @throws CosmosError 400 */
export function jsonPath(steps: Steps): string {
  return `$${steps.map((step) => (typeof step === 'number' ? `[${step}]` : `."${memberName(step)}"`)).join('')}`;
}

function memberName(name: string): string {
  // SQLite's paths have no escape for these.
  if (/["\\\p{Cc}]/u.test(name))
    throw badRequest('This emulator finds no property with quotes or backslashes in its name.');
  return name;
}

/** SQL's own quoting, for the places that take no binding. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A piece of SQL over a document's row and what is bound to its question marks, in order. */
export interface Sql {
  readonly text: string;
  readonly bindings: readonly SqlValue[];
}

/** What an expression needs besides itself to become SQL. */
export interface QueryContext {
  readonly parameters: ReadonlyMap<string, unknown>;
  readonly columns: PathColumns;
}

/** A value that is known before any document is read. */
interface Constant {
  readonly value: unknown;
}

export function constantOf(expression: Expression, context: QueryContext): Constant | undefined {
  if (expression.kind === 'literal') return { value: expression.value };
  if (expression.kind !== 'parameter') return undefined;
  if (!context.parameters.has(expression.name)) throw badRequest(`Parameter ${expression.name} has no value.`);
  return { value: context.parameters.get(expression.name) };
}

/**
 * A condition. What is undefined makes a comparison undefined, as in Cosmos DB, and SQL's NULL behaves alike: neither it
 * nor its negation lets a document through.
 */
export function condition(expression: Expression, context: QueryContext): Sql {
  switch (expression.kind) {
    case 'logical': {
      const [left, right] = [condition(expression.left, context), condition(expression.right, context)];
      return join(`(${left.text} ${expression.operator} ${right.text})`, left, right);
    }
    case 'not': {
      const inner = condition(expression.of, context);
      return join(`(NOT ${inner.text})`, inner);
    }
    case 'comparison':
      return comparison(expression, context);
    case 'in': {
      const of = scalar(expression.of, context);
      const list = expression.list.map((item) => scalar(item, context));
      return join(`(${of.text} IN (${list.map(({ text }) => text).join(',')}))`, of, ...list);
    }
    case 'call':
      return predicate(expression, context);
    case 'path':
    case 'parameter':
    case 'literal': {
      const of = scalar(expression, context);
      return { text: `(${of.text} = ?)`, bindings: [...of.bindings, toSqlValue(true)] };
    }
    default:
      throw badRequest('This emulator cannot use such an expression as a condition.');
  }
}

function comparison(
  { operator, left, right }: Extract<Expression, { kind: 'comparison' }>,
  context: QueryContext,
): Sql {
  if (constantOf(left, context) !== undefined && constantOf(right, context) === undefined) {
    return comparison({ kind: 'comparison', operator: mirrored(operator), left: right, right: left }, context);
  }
  const [a, b] = [scalar(left, context), scalar(right, context)];
  const compared = join(`${a.text} ${operator} ${b.text}`, a, b);
  if (operator === '=' || operator === '!=') return { text: `(${compared.text})`, bindings: compared.bindings };
  const constant = constantOf(right, context);
  if (constant === undefined)
    return join(`(${compared.text} AND typeof(${a.text}) = typeof(${b.text}))`, compared, a, b);
  // What is of another type is neither less nor more. Bounds in place of a type test, so that an index can keep to them.
  const { value } = constant;
  const upwards = operator.startsWith('>');
  if (typeof value === 'string')
    return join(`(${compared.text} AND ${a.text} ${upwards ? "< x''" : ">= ''"})`, compared, a);
  if (typeof value === 'number')
    return upwards ? join(`(${compared.text} AND ${a.text} < '')`, compared, a) : wrapped(compared);
  throw badRequest('This emulator orders numbers and texts only.');
}

const wrapped = ({ text, bindings }: Sql): Sql => ({ text: `(${text})`, bindings });

type Call = Extract<Expression, { kind: 'call' }>;

function predicate({ name, given }: Call, context: QueryContext): Sql {
  const [first, second] = given;
  if (first === undefined) throw badRequest(`${name} needs something to work on.`);
  const isOfType = (...types: string[]): Sql => ({
    text: `(coalesce(json_type(body,${quoted(jsonPath(pathOf(first, name)))}),'') IN (${types.map(quoted).join(',')}))`,
    bindings: [],
  });
  switch (name) {
    case 'IS_DEFINED':
      return { text: `(${typed(pathOf(first, name), context.columns)} IS NOT NULL)`, bindings: [] };
    case 'IS_NULL':
      return isOfType('null');
    case 'IS_STRING':
      return isOfType('text');
    case 'IS_NUMBER':
      return isOfType('integer', 'real');
    case 'IS_BOOL':
      return isOfType('true', 'false');
    case 'IS_ARRAY':
      return isOfType('array');
    case 'IS_OBJECT':
      return isOfType('object');
    case 'STARTSWITH':
    case 'ENDSWITH':
    case 'CONTAINS':
      return textPredicate(name, given, context);
    case 'ARRAY_CONTAINS':
      if (second === undefined) throw badRequest('ARRAY_CONTAINS needs an array and a value.');
      return arrayContains(first, second, context);
    default:
      throw badRequest(`The function ${name} is not supported by this emulator.`);
  }
}

function arrayContains(array: Expression, value: Expression, context: QueryContext): Sql {
  const of = scalar(value, context);
  const list = constantOf(array, context)?.value;
  if (list !== undefined) {
    if (!Array.isArray(list)) return { text: '0', bindings: [] };
    return {
      text: `(${of.text} IN (${list.map(() => '?').join(',')}))`,
      bindings: [...of.bindings, ...list.map(toSqlValue)],
    };
  }
  const item =
    "CASE item.type WHEN 'text' THEN item.value WHEN 'integer' THEN CAST(item.value AS REAL) WHEN 'real' THEN item.value " +
    "WHEN 'array' THEN CAST(item.value AS BLOB) WHEN 'object' THEN CAST(item.value AS BLOB) ELSE CAST(item.type AS BLOB) END";
  const each = `json_each(body,${quoted(jsonPath(pathOf(array, 'ARRAY_CONTAINS')))})`;
  return join(`(EXISTS (SELECT 1 FROM ${each} AS item WHERE ${item} = ${of.text}))`, of);
}

function textPredicate(name: string, given: readonly Expression[], context: QueryContext): Sql {
  const [whole, part, fold] = given;
  if (whole === undefined || part === undefined) throw badRequest(`${name} needs two texts.`);
  const folded = fold !== undefined && constantOf(fold, context)?.value === true;
  const asText = (sql: Sql): Sql => ofText(sql, folded ? 'lower' : '');
  const [a, b] = [asText(scalar(whole, context)), asText(scalar(part, context))];
  if (name === 'CONTAINS') return join(`(instr(${a.text}, ${b.text}) > 0)`, a, b);
  if (name === 'ENDSWITH') {
    return join(`(${b.text} = '' OR substr(${a.text}, -length(${b.text})) = ${b.text})`, b, a, b, b);
  }
  const starts = join(`substr(${a.text}, 1, length(${b.text})) = ${b.text}`, a, b, b);
  const prefix = constantOf(part, context)?.value;
  if (folded || typeof prefix !== 'string') return wrapped(starts);
  // The same as a range, which an index can serve; the last code point ends it.
  const of = scalar(whole, context);
  const range = {
    text: `${of.text} >= ? AND ${of.text} < ?`,
    bindings: [...of.bindings, prefix, ...of.bindings, `${prefix}\u{10ffff}`],
  };
  return join(`(${range.text} AND ${starts.text})`, range, starts);
}

/** The text itself, with a function put on it, or NULL where it is none. */
function ofText({ text, bindings }: Sql, sqlFunction: string): Sql {
  return {
    text: `CASE typeof(${text}) WHEN 'text' THEN ${sqlFunction}(${text}) END`,
    bindings: [...bindings, ...bindings],
  };
}

const textFunctions: Readonly<Record<string, string>> = {
  LOWER: 'lower',
  UPPER: 'upper',
  LENGTH: 'length',
  TRIM: 'trim',
};

/** A value of a document or of the query. */
export function scalar(expression: Expression, context: QueryContext): Sql {
  const constant = constantOf(expression, context);
  if (constant !== undefined) return { text: '?', bindings: [toSqlValue(constant.value)] };
  if (expression.kind === 'path') return { text: typed(expression.steps, context.columns), bindings: [] };
  if (expression.kind === 'call') {
    const [of] = expression.given;
    const textFunction = textFunctions[expression.name];
    if (textFunction !== undefined && of !== undefined) return ofText(scalar(of, context), textFunction);
    throw badRequest(`The function ${expression.name} is not supported by this emulator.`);
  }
  throw badRequest('This emulator cannot use such an expression as a value.');
}

export function pathOf(expression: Expression, where: string): Steps {
  if (expression.kind === 'path') return expression.steps;
  throw badRequest(`${where} takes a property in this emulator.`);
}

function mirrored(operator: string): string {
  return { '<': '>', '>': '<', '<=': '>=', '>=': '<=' }[operator] ?? operator;
}

export function join(text: string, ...parts: readonly Sql[]): Sql {
  return { text, bindings: parts.flatMap((part) => part.bindings) };
}
