import { badRequest } from '../cosmos-error.ts';
import type { Expression } from './ast.ts';

/** A piece of SQL over the column `body` and what is bound to its question marks, in order. */
export interface Sql {
  readonly text: string;
  readonly bindings: readonly (string | number | null)[];
}

export type Parameters = ReadonlyMap<string, unknown>;

/** A value that is known before any document is read. */
interface Constant {
  readonly value: unknown;
}

/** The JSON path of some steps, quoted so that any member name is one. */
export function jsonPath(steps: readonly (string | number)[]): string {
  return `$${steps.map((step) => (typeof step === 'number' ? `[${step}]` : `."${step.replaceAll('"', '\\"')}"`)).join('')}`;
}

/** SQL's own quoting, for the places that take no binding: an expression index must match to the letter. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export const extract = (steps: readonly (string | number)[]) => `json_extract(body, ${quoted(jsonPath(steps))})`;
export const typeOf = (steps: readonly (string | number)[]) => `json_type(body, ${quoted(jsonPath(steps))})`;

/** Names that SQLite's json_type gives to the types that order alike. */
const typeNames = { string: "('text')", number: "('integer', 'real')" };

export function constantOf(expression: Expression, parameters: Parameters): Constant | undefined {
  if (expression.kind === 'literal') return { value: expression.value };
  if (expression.kind !== 'parameter') return undefined;
  if (!parameters.has(expression.name)) throw badRequest(`Parameter ${expression.name} has no value.`);
  return { value: parameters.get(expression.name) };
}

/**
 * A condition. What is undefined makes a comparison undefined, as in Cosmos DB, and SQL's NULL behaves alike: neither it
 * nor its negation lets a document through.
 */
export function condition(expression: Expression, parameters: Parameters): Sql {
  switch (expression.kind) {
    case 'logical': {
      const [left, right] = [condition(expression.left, parameters), condition(expression.right, parameters)];
      return join(`(${left.text} ${expression.operator} ${right.text})`, left, right);
    }
    case 'not': {
      const inner = condition(expression.of, parameters);
      return join(`(NOT ${inner.text})`, inner);
    }
    case 'comparison':
      return comparison(expression, parameters);
    case 'in': {
      const parts = expression.list.map((right) => comparison({ kind: 'comparison', operator: '=', left: expression.of, right }, parameters));
      return join(`(${parts.map(({ text }) => text).join(' OR ')})`, ...parts);
    }
    case 'call':
      return predicate(expression, parameters);
    case 'path':
      return { text: `(${typeOf(expression.steps)} = 'true')`, bindings: [] };
    case 'literal':
      return { text: expression.value === true ? '1' : '0', bindings: [] };
    default:
      throw badRequest('This stand-in cannot use such an expression as a condition.');
  }
}

function comparison({ operator, left, right }: Extract<Expression, { kind: 'comparison' }>, parameters: Parameters): Sql {
  const constant = constantOf(right, parameters);
  if (constant === undefined) {
    const swapped = constantOf(left, parameters);
    if (swapped !== undefined) return comparison({ kind: 'comparison', operator: mirrored(operator), left: right, right: left }, parameters);
    const [a, b] = [scalar(left, parameters), scalar(right, parameters)];
    return join(`(${a.text} ${operator} ${b.text})`, a, b);
  }
  const { value } = constant;
  if (left.kind === 'path') return compareWithPath(left.steps, operator, value);
  const of = scalar(left, parameters);
  return { text: `(${of.text} ${operator} ?)`, bindings: [...of.bindings, bindable(value)] };
}

function compareWithPath(steps: readonly (string | number)[], operator: string, value: unknown): Sql {
  const type = typeOf(steps);
  if (value === null || typeof value === 'boolean') {
    const name = value === null ? 'null' : String(value);
    if (operator === '=') return { text: `(${type} = '${name}')`, bindings: [] };
    if (operator === '!=') return { text: `(${type} <> '${name}')`, bindings: [] };
    throw badRequest('This stand-in does not order null and booleans.');
  }
  if (typeof value !== 'string' && typeof value !== 'number') throw badRequest('This stand-in compares with scalar values only.');
  if (operator === '=') return guarded(steps, `${extract(steps)} = ?`, value);
  // Different types are different, and never less or more than one another.
  if (operator === '!=') return { text: `(${type} IS NOT NULL AND ${extract(steps)} IS NOT ?)`, bindings: [value] };
  return guarded(steps, `${extract(steps)} ${operator} ?`, value);
}

/** The guard keeps apart what SQLite would mix: text and numbers, numbers and booleans, text and JSON as text. */
function guarded(steps: readonly (string | number)[], text: string, value: string | number): Sql {
  const names = typeof value === 'string' ? typeNames.string : typeNames.number;
  return { text: `(${text} AND ${typeOf(steps)} IN ${names})`, bindings: [value] };
}

function predicate({ name, given }: Extract<Expression, { kind: 'call' }>, parameters: Parameters): Sql {
  const [first, second] = given;
  if (first === undefined) throw badRequest(`${name} needs something to work on.`);
  const isOfType = (types: string): Sql => ({ text: `(${typeOf(pathOf(first, name))} IN (${types}))`, bindings: [] });
  switch (name) {
    case 'IS_DEFINED':
      return { text: `(${typeOf(pathOf(first, name))} IS NOT NULL)`, bindings: [] };
    case 'IS_NULL':
      return { text: `(coalesce(${typeOf(pathOf(first, name))}, '') = 'null')`, bindings: [] };
    case 'IS_STRING':
      return isOfType("'text'");
    case 'IS_NUMBER':
      return isOfType("'integer', 'real'");
    case 'IS_BOOL':
      return isOfType("'true', 'false'");
    case 'IS_ARRAY':
      return isOfType("'array'");
    case 'IS_OBJECT':
      return isOfType("'object'");
    case 'STARTSWITH':
    case 'ENDSWITH':
    case 'CONTAINS':
      return textPredicate(name, given, parameters);
    case 'ARRAY_CONTAINS': {
      if (second === undefined) throw badRequest('ARRAY_CONTAINS needs an array and a value.');
      const list = constantOf(first, parameters);
      const of = scalar(second, parameters);
      if (list !== undefined) {
        return { text: `(${of.text} IN (SELECT value FROM json_each(?)))`, bindings: [...of.bindings, JSON.stringify(list.value)] };
      }
      const each = `json_each(body, ${quoted(jsonPath(pathOf(first, name)))})`;
      return join(`(EXISTS (SELECT 1 FROM ${each} AS item WHERE item.value = ${of.text}))`, of);
    }
    default:
      throw badRequest(`The function ${name} is not supported by this stand-in.`);
  }
}

function textPredicate(name: string, given: readonly Expression[], parameters: Parameters): Sql {
  const [whole, part, fold] = given;
  if (whole === undefined || part === undefined) throw badRequest(`${name} needs two texts.`);
  const folded = fold !== undefined && constantOf(fold, parameters)?.value === true;
  const wrap = (sql: Sql): Sql => (folded ? { text: `lower(${sql.text})`, bindings: sql.bindings } : sql);
  const [a, b] = [wrap(scalar(whole, parameters)), wrap(scalar(part, parameters))];
  if (name === 'CONTAINS') return join(`(instr(${a.text}, ${b.text}) > 0)`, a, b);
  const side = name === 'STARTSWITH' ? `substr(${a.text}, 1, length(${b.text}))` : `substr(${a.text}, -length(${b.text}))`;
  return { text: `(${side} = ${b.text})`, bindings: [...a.bindings, ...b.bindings, ...b.bindings] };
}

/** A value of a document or of the query. */
export function scalar(expression: Expression, parameters: Parameters): Sql {
  const constant = constantOf(expression, parameters);
  if (constant !== undefined) return { text: '?', bindings: [bindable(constant.value)] };
  if (expression.kind === 'path') return { text: extract(expression.steps), bindings: [] };
  if (expression.kind === 'arithmetic') {
    const [left, right] = [scalar(expression.left, parameters), scalar(expression.right, parameters)];
    return join(`(${left.text} ${expression.operator} ${right.text})`, left, right);
  }
  if (expression.kind === 'call') {
    const function_ = { LOWER: 'lower', UPPER: 'upper', LENGTH: 'length', ABS: 'abs', TRIM: 'trim' }[expression.name];
    const [of] = expression.given;
    if (function_ !== undefined && of !== undefined) {
      const inner = scalar(of, parameters);
      return join(`${function_}(${inner.text})`, inner);
    }
    throw badRequest(`The function ${expression.name} is not supported by this stand-in.`);
  }
  throw badRequest('This stand-in cannot use a condition as a value.');
}

export function pathOf(expression: Expression, where: string): readonly (string | number)[] {
  if (expression.kind === 'path') return expression.steps;
  throw badRequest(`${where} takes a property in this stand-in.`);
}

function bindable(value: unknown): string | number | null {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value === null || typeof value === 'string' || typeof value === 'number') return value;
  return JSON.stringify(value);
}

function mirrored(operator: string): string {
  return { '<': '>', '>': '<', '<=': '>=', '>=': '<=' }[operator] ?? operator;
}

function join(text: string, ...parts: readonly Sql[]): Sql {
  return { text, bindings: parts.flatMap((part) => part.bindings) };
}
