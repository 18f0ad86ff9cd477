import { badRequest } from '../cosmos-error.ts';
import type { Expression } from './ast.ts';
import { jsonPath, type PathColumns, quoted, type SqlValue, type Steps, toSqlValue, typed } from './typed-value.ts';

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
      throw badRequest('This stand-in cannot use such an expression as a condition.');
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
  throw badRequest('This stand-in orders numbers and texts only.');
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
      throw badRequest(`The function ${name} is not supported by this stand-in.`);
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
    throw badRequest(`The function ${expression.name} is not supported by this stand-in.`);
  }
  throw badRequest('This stand-in cannot use such an expression as a value.');
}

export function pathOf(expression: Expression, where: string): Steps {
  if (expression.kind === 'path') return expression.steps;
  throw badRequest(`${where} takes a property in this stand-in.`);
}

function mirrored(operator: string): string {
  return { '<': '>', '>': '<', '<=': '>=', '>=': '<=' }[operator] ?? operator;
}

export function join(text: string, ...parts: readonly Sql[]): Sql {
  return { text, bindings: parts.flatMap((part) => part.bindings) };
}
