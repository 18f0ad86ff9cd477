import { badRequest } from '../errors.ts';
import type { ElementSource, Expression } from './parse.ts';

/** Steps below a document: member names and array positions. */
export type Steps = readonly (string | number)[];

/** A value that SQLite binds or returns. */
export type SqlValue = string | number | null | Uint8Array;

/*
 * Each JSON value becomes one SQLite value, so that a column can be compared, sorted and indexed. Strings and numbers stay as
 * they are. Undefined becomes NULL. null, booleans, arrays and objects become BLOBs of their JSON. SQLite keeps these storage
 * classes apart and orders them NULL < numbers < text < BLOB.
 */

/** Column names of the indexed paths, by the path in the syntax of SQLite. */
export type PathColumns = ReadonlyMap<string, string>;

/** A path below a document, or below an element of an array in it. */
export type Path = Extract<Expression, { kind: 'path' }>;

/** SQL of the value at a path: its column, or an expression that reads it from the body or the element. */
export function typed({ element, steps }: Path, columns: PathColumns): string {
  if (element !== undefined) return typedOfElement(element, steps);
  const system = steps.length === 1 ? systemColumns[String(steps[0])] : undefined;
  return columns.get(jsonPath(steps)) ?? system ?? typedFromBody(steps);
}

export const typedFromBody = (steps: Steps): string => typedFrom('body', steps);

/** @param source SQL of a JSON text */
function typedFrom(source: string, steps: Steps): string {
  const path = quoted(jsonPath(steps));
  return (
    `CASE json_type(${source},${path}) WHEN 'text' THEN json_extract(${source},${path}) ` +
    // JavaScript numbers are REAL. An INTEGER beyond 2^53 would not come back as a number.
    `WHEN 'integer' THEN CAST(json_extract(${source},${path}) AS REAL) WHEN 'real' THEN json_extract(${source},${path}) ` +
    `ELSE CAST(${source}->${path} AS BLOB) END`
  );
}

/** The table of an element's array in SQL. The name is a word (see `pattern` of the parser). */
const elementTable = (name: string): string => `element_${name}`;

/** The elements of an array, one row each: a table of json_each, and the condition that it is an array. */
export function elementsOf({ name, steps }: ElementSource): { readonly table: string; readonly condition: string } {
  const table = elementTable(name);
  // json_each gives the members of an object too, with text as key, and a scalar with no key.
  return {
    table: `json_each(body,${quoted(jsonPath(steps))}) AS ${table}`,
    condition: `typeof(${table}.key) = 'integer'`,
  };
}

function typedOfElement(name: string, steps: Steps): string {
  const { type, value } = { type: `${elementTable(name)}.type`, value: `${elementTable(name)}.value` };
  // Functions on JSON fail for a text that is none, so an element is looked into only if it has members.
  if (steps.length > 0) return `CASE WHEN ${type} IN ('object','array') THEN ${typedFrom(value, steps)} END`;
  return (
    `CASE ${type} WHEN 'text' THEN ${value} WHEN 'integer' THEN CAST(${value} AS REAL) WHEN 'real' THEN ${value} ` +
    `WHEN 'array' THEN CAST(${value} AS BLOB) WHEN 'object' THEN CAST(${value} AS BLOB) ELSE CAST(${type} AS BLOB) END`
  );
}

/** SQL of the JSON type at a path, '' where there is nothing. */
function jsonTypeAt({ element, steps }: Path): string {
  if (element === undefined) return `coalesce(json_type(body,${quoted(jsonPath(steps))}),'')`;
  const { type, value } = { type: `${elementTable(element)}.type`, value: `${elementTable(element)}.value` };
  if (steps.length === 0) return type;
  return `coalesce(CASE WHEN ${type} IN ('object','array') THEN json_type(${value},${quoted(jsonPath(steps))}) END,'')`;
}

/** Properties that have a column instead of a place in the body. */
const systemColumns: Readonly<Record<string, string>> = {
  id: 'id',
  _ts: 'ts',
  _etag: `('"' || etag || '"')`,
};

export function toSqlValue(value: unknown): SqlValue {
  if (typeof value === 'string' || typeof value === 'number') return value;
  return value === undefined ? null : Buffer.from(JSON.stringify(value));
}

/** Converts a value selected by `typed` back to JSON. @returns undefined for NULL */
export function toJson(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  return value instanceof Uint8Array ? Buffer.from(value).toString() : JSON.stringify(value);
}

/** Writes a path for the JSON functions of SQLite, with quoted names. @throws CosmosError 400 for a name that cannot be quoted */
export function jsonPath(steps: Steps): string {
  return `$${steps.map((step) => (typeof step === 'number' ? `[${step}]` : `."${memberName(step)}"`)).join('')}`;
}

function memberName(name: string): string {
  // The paths of SQLite have no escape for these characters.
  if (/["\\\p{Cc}]/u.test(name))
    throw badRequest(
      'The emulator cannot query a property with quotes, backslashes or control characters in its name.',
    );
  return name;
}

/** Quotes a SQL string, for places that allow no binding. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A part of an SQL statement over a document row, and the values of its question marks in order. */
export interface Sql {
  readonly text: string;
  readonly bindings: readonly SqlValue[];
}

export interface QueryContext {
  readonly parameters: ReadonlyMap<string, unknown>;
  readonly columns: PathColumns;
}

/** A literal or the value of a parameter. */
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
 * Compiles a condition. An undefined value makes a comparison undefined, and neither that nor its negation selects a document.
 * NULL in SQL behaves in the same way.
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
    case 'exists': {
      const { table, condition: isElement } = elementsOf(expression.source);
      const where = expression.where === undefined ? { text: '1', bindings: [] } : condition(expression.where, context);
      return join(`(EXISTS (SELECT 1 FROM ${table} WHERE ${isElement} AND ${where.text}))`, where);
    }
    case 'path':
    case 'parameter':
    case 'literal': {
      const of = scalar(expression, context);
      return { text: `(${of.text} = ?)`, bindings: [...of.bindings, toSqlValue(true)] };
    }
    default:
      throw badRequest('The emulator cannot use this expression as a condition.');
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
  // Values of another type never match. Bounds express this instead of a type test, so that an index can be used.
  const { value } = constant;
  const upwards = operator.startsWith('>');
  if (typeof value === 'string')
    return join(`(${compared.text} AND ${a.text} ${upwards ? "< x''" : ">= ''"})`, compared, a);
  if (typeof value === 'number')
    return upwards ? join(`(${compared.text} AND ${a.text} < '')`, compared, a) : wrapped(compared);
  throw badRequest('The emulator compares the order of numbers and strings only.');
}

const wrapped = ({ text, bindings }: Sql): Sql => ({ text: `(${text})`, bindings });

type Call = Extract<Expression, { kind: 'call' }>;

function predicate({ name, given }: Call, context: QueryContext): Sql {
  const [first, second] = given;
  if (first === undefined) throw badRequest(`${name} needs an argument.`);
  const isOfType = (...types: string[]): Sql => ({
    text: `(${jsonTypeAt(pathOf(first, name))} IN (${types.map(quoted).join(',')}))`,
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
      throw badRequest(`The emulator does not support the function ${name}.`);
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
  const { element, steps } = pathOf(array, 'ARRAY_CONTAINS');
  if (element !== undefined)
    throw badRequest('The emulator supports ARRAY_CONTAINS for an array of the document only.');
  // A word of the query has no "$", so no element has this name.
  const each = `json_each(body,${quoted(jsonPath(steps))})`;
  return join(`(EXISTS (SELECT 1 FROM ${each} AS element_$ WHERE ${typedOfElement('$', [])} = ${of.text}))`, of);
}

function textPredicate(name: string, given: readonly Expression[], context: QueryContext): Sql {
  const [whole, part, fold] = given;
  if (whole === undefined || part === undefined) throw badRequest(`${name} needs two strings.`);
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
  // The same condition as a range, for which an index can be used. The last code point ends the range.
  const of = scalar(whole, context);
  const range = {
    text: `${of.text} >= ? AND ${of.text} < ?`,
    bindings: [...of.bindings, prefix, ...of.bindings, `${prefix}\u{10ffff}`],
  };
  return join(`(${range.text} AND ${starts.text})`, range, starts);
}

/** Applies a SQL function to a string. NULL for other types. */
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

/** Compiles an expression to a value. */
export function scalar(expression: Expression, context: QueryContext): Sql {
  const constant = constantOf(expression, context);
  if (constant !== undefined) return { text: '?', bindings: [toSqlValue(constant.value)] };
  if (expression.kind === 'path') return { text: typed(expression, context.columns), bindings: [] };
  if (expression.kind === 'call') {
    const [of] = expression.given;
    const textFunction = textFunctions[expression.name];
    if (textFunction !== undefined && of !== undefined) return ofText(scalar(of, context), textFunction);
    throw badRequest(`The emulator does not support the function ${expression.name}.`);
  }
  throw badRequest('The emulator cannot use this expression as a value.');
}

/** Compiles an expression to a value, also a condition: true, false, or undefined. */
export function value(expression: Expression, context: QueryContext): Sql {
  const isCondition =
    ['not', 'logical', 'comparison', 'in', 'exists'].includes(expression.kind) ||
    (expression.kind === 'call' && textFunctions[expression.name] === undefined);
  if (!isCondition) return scalar(expression, context);
  const holds = condition(expression, context);
  const bindings = [toSqlValue(true), toSqlValue(false)];
  return { text: `CASE ${holds.text} WHEN 1 THEN ? WHEN 0 THEN ? END`, bindings: [...holds.bindings, ...bindings] };
}

export function pathOf(expression: Expression, where: string): Path {
  if (expression.kind === 'path') return expression;
  throw badRequest(`The emulator supports ${where} for a property only.`);
}

function mirrored(operator: string): string {
  return { '<': '>', '>': '<', '<=': '>=', '>=': '<=' }[operator] ?? operator;
}

export function join(text: string, ...parts: readonly Sql[]): Sql {
  return { text, bindings: parts.flatMap((part) => part.bindings) };
}
