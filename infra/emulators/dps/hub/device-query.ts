import type { SQLInputValue } from 'node:sqlite';
import { hubBadRequest } from './hub-error.ts';

export interface Condition {
  readonly sql: string;
  readonly values: readonly SQLInputValue[];
}

/** A query that was compiled. */
export interface DeviceQuery {
  /** Members of the twin to show. Absent: the whole twin. */
  readonly members?: readonly string[];
  readonly where?: Condition;
}

/**
 * Compiles `SELECT *|name[, name] FROM devices [WHERE ...]` to a condition over the stored devices. Names are those of the
 * members of a twin, such as `deviceId` and `tags`. Supported in the condition: `deviceId`, `status`,
 * `tags.…`, `properties.desired.…`, `properties.reported.…`, `capabilities.iotEdge`; `=`, `!=`, `<>`, `<`, `<=`, `>`, `>=`, `IN`, `NIN`,
 * `AND`, `OR`, `NOT`, parentheses, `IS_DEFINED(x)`, `STARTSWITH(x, 'y')`
 * (a part of https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-query-language).
 * @throws ServiceError 400 that shows the unsupported part
 */
export function compileDeviceQuery(query: string): DeviceQuery {
  const [, selected = '', rest] = /^\s*SELECT\s+(\*|\w+(?:\s*,\s*\w+)*)\s+FROM\s+devices\b(.*)$/is.exec(query) ?? [];
  if (rest === undefined)
    throw hubBadRequest('The query is not supported. Expected SELECT * FROM devices with an optional WHERE.');
  const members = selected === '*' ? {} : { members: selected.split(',').map((name) => name.trim()) };
  if (rest.trim() === '') return members;
  const [, where] = /^\s+WHERE\s+(.+)$/is.exec(rest) ?? [];
  if (where === undefined) throw hubBadRequest('Expected WHERE and a condition.');
  return { ...members, where: compileCondition(tokensOf(where)) };
}

const tokenSyntax =
  /\s*(?:('(?:[^']|'')*')|(-?\d+(?:\.\d+)?)|([A-Za-z_$][\w$-]*(?:\.[\w$-]+)*)|(<=|>=|!=|<>|[=<>()[\],]))/y;

/** Limits the depth of the recursive compiler. IoT Hub has similar limits. */
const maxTokens = 500;

type Token = { readonly kind: 'string' | 'number' | 'word' | 'symbol'; readonly text: string };

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  tokenSyntax.lastIndex = 0;
  const trimmed = text.trimEnd();
  while (tokenSyntax.lastIndex < trimmed.length) {
    const start = tokenSyntax.lastIndex;
    const found = tokenSyntax.exec(trimmed);
    if (!found) throw hubBadRequest(`The condition is not supported at "${trimmed.slice(start, start + 20).trim()}".`);
    const [, string, number, word, symbol] = found;
    if (string !== undefined) tokens.push({ kind: 'string', text: string.slice(1, -1).replaceAll("''", "'") });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word });
    else tokens.push({ kind: 'symbol', text: symbol ?? '' });
    if (tokens.length > maxTokens) throw hubBadRequest(`The condition has more than ${maxTokens} words.`);
  }
  return tokens;
}

const comparisons = new Map([
  ['=', '='],
  ['!=', '<>'],
  ['<>', '<>'],
  ['<', '<'],
  ['<=', '<='],
  ['>', '>'],
  ['>=', '>='],
]);

function compileCondition(tokens: readonly Token[]): Condition {
  const values: SQLInputValue[] = [];
  let at = 0;

  const peek = (...texts: string[]) => {
    const token = tokens[at];
    return token !== undefined && token.kind !== 'string' && texts.includes(token.text.toUpperCase());
  };
  const fail = () => hubBadRequest(`The condition is not supported at "${tokens[at]?.text ?? 'its end'}".`);
  function expect(text: string): void {
    if (!peek(text)) throw fail();
    at += 1;
  }

  function disjunction(): string {
    let sql = conjunction();
    while (peek('OR')) {
      at += 1;
      sql = `(${sql} OR ${conjunction()})`;
    }
    return sql;
  }

  function conjunction(): string {
    let sql = negation();
    while (peek('AND')) {
      at += 1;
      sql = `(${sql} AND ${negation()})`;
    }
    return sql;
  }

  function negation(): string {
    if (peek('NOT')) {
      at += 1;
      return `NOT coalesce(${negation()}, 0)`;
    }
    if (peek('(')) {
      at += 1;
      const inner = disjunction();
      expect(')');
      return inner;
    }
    return predicate();
  }

  function predicate(): string {
    if (peek('IS_DEFINED')) {
      at += 1;
      expect('(');
      const name = property();
      expect(')');
      return name === 'deviceId' ? 'TRUE' : `json_type(body, ${bind(storedPath(name))}) IS NOT NULL`;
    }
    if (peek('STARTSWITH')) {
      at += 1;
      expect('(');
      const value = valueSql(property());
      expect(',');
      const prefix = tokens[at];
      if (prefix?.kind !== 'string') throw fail();
      at += 1;
      expect(')');
      return `substr(${value}, 1, length(${bind(prefix.text)})) = ${bind(prefix.text)}`;
    }
    const value = valueSql(property());
    if (peek('IN', 'NIN')) {
      const negated = peek('NIN');
      at += 1;
      expect('[');
      const list = [literal()];
      while (peek(',')) {
        at += 1;
        list.push(literal());
      }
      expect(']');
      return `${value} ${negated ? 'NOT IN' : 'IN'} (${list.join(', ')})`;
    }
    const operator = comparisons.get(tokens[at]?.text ?? '');
    if (!operator || tokens[at]?.kind !== 'symbol') throw fail();
    at += 1;
    return `${value} ${operator} ${literal()}`;
  }

  function property(): string {
    const token = tokens[at];
    if (token?.kind !== 'word') throw fail();
    at += 1;
    return token.text;
  }

  /** The value of a property, as SQL. The id of a device is the key of its document, which is indexed. */
  function valueSql(name: string): string {
    return name === 'deviceId' ? 'key' : `json_extract(body, ${bind(storedPath(name))})`;
  }

  function literal(): string {
    const token = tokens[at];
    if (!token) throw fail();
    at += 1;
    if (token.kind === 'string') return bind(token.text);
    if (token.kind === 'number') return bind(Number(token.text));
    // SQLite reads JSON booleans as 1 and 0.
    if (token.text.toLowerCase() === 'true') return bind(1);
    if (token.text.toLowerCase() === 'false') return bind(0);
    throw fail();
  }

  function bind(value: SQLInputValue): string {
    values.push(value);
    return '?';
  }

  const sql = disjunction();
  if (at < tokens.length) throw fail();
  return { sql, values };
}

/** The JSON path of a twin property in the stored device. @throws ServiceError 400 */
function storedPath(property: string): string {
  const [head = '', ...rest] = property.split('.');
  const quoted = (parts: readonly string[]) => parts.map((part) => `."${part}"`).join('');
  if (property === 'status') return '$.status';
  if (property === 'capabilities.iotEdge') return '$.iotEdge';
  if (head === 'tags' && rest.length > 0) return `$.tags${quoted(rest)}`;
  const [section, ...inner] = rest;
  if (head === 'properties' && (section === 'desired' || section === 'reported') && inner.length > 0) {
    return `$.${section}.values${quoted(inner)}`;
  }
  throw hubBadRequest(`The property "${property}" cannot be queried.`);
}
