import { badRequest } from '../cosmos-error.ts';
import type { Expression, Query, Selection } from './ast.ts';
import { type Token, tokensOf } from './tokens.ts';

/** Parses a query. @throws CosmosError 400 that names what it does not understand */
export function parseQuery(text: string): Query {
  return createParser(tokensOf(text)).query();
}

/** Parses a filter predicate of a patch: `FROM c WHERE ...`. */
export function parseCondition(text: string): Query {
  return parseQuery(`SELECT * ${text}`);
}

function createParser(tokens: readonly Token[]) {
  let position = 0;
  let alias = 'c';

  const peek = (): Token => tokens[position] ?? { kind: 'end', text: '' };
  const next = (): Token => {
    const token = peek();
    position += 1;
    return token;
  };
  const isWord = (word: string) => peek().kind === 'word' && peek().text.toUpperCase() === word;
  const isSymbol = (symbol: string) => peek().kind === 'symbol' && peek().text === symbol;
  const takeWord = (word: string): boolean => {
    const found = isWord(word);
    if (found) position += 1;
    return found;
  };
  const takeSymbol = (symbol: string): boolean => {
    const found = isSymbol(symbol);
    if (found) position += 1;
    return found;
  };
  const fail = (): never => {
    const { text } = peek();
    throw badRequest(`Syntax error, incorrect syntax near '${text === '' ? 'end of query' : text}'.`);
  };
  const expectSymbol = (symbol: string) => takeSymbol(symbol) || fail();
  const expectWord = (word: string) => takeWord(word) || fail();

  function query(): Query {
    expectWord('SELECT');
    const distinct = takeWord('DISTINCT');
    const top = takeWord('TOP') ? primary() : undefined;
    // The alias is named after the selection that uses it; it is looked up ahead.
    alias = aliasAhead();
    const select = selection();
    expectWord('FROM');
    next();
    if (takeWord('AS') || (peek().kind === 'word' && !isClause())) next();
    if (isWord('JOIN') || isWord('IN')) throw badRequest('JOIN is not supported by this stand-in.');
    const where = takeWord('WHERE') ? expression() : undefined;
    const groupBy = takeWord('GROUP') ? (expectWord('BY'), expressions()) : [];
    const orderBy = takeWord('ORDER') ? (expectWord('BY'), orderItems()) : [];
    const offset = takeWord('OFFSET') ? primary() : undefined;
    const limit = offset !== undefined ? (expectWord('LIMIT'), primary()) : undefined;
    if (peek().kind !== 'end') fail();
    return { distinct, top, select, alias, where, groupBy, orderBy, offset, limit };
  }

  function aliasAhead(): string {
    const from = tokens.findIndex((token) => token.kind === 'word' && token.text.toUpperCase() === 'FROM');
    const [name, second, third] = [tokens[from + 1], tokens[from + 2], tokens[from + 3]];
    if (from < 0 || name?.kind !== 'word') throw badRequest('A query needs FROM and the name of a container.');
    if (second?.kind === 'word' && second.text.toUpperCase() === 'AS') return third?.text ?? name.text;
    if (second?.kind === 'word' && !clauses.has(second.text.toUpperCase())) return second.text;
    return name.text;
  }

  const isClause = () => clauses.has(peek().text.toUpperCase());

  function selection(): Selection {
    if (takeSymbol('*')) return { kind: 'all' };
    if (takeWord('VALUE')) return { kind: 'value', expression: expression() };
    const items: { expression: Expression; name: string }[] = [];
    do {
      const item = expression();
      const last = item.kind === 'path' ? item.steps.at(-1) : undefined;
      const named = takeWord('AS') ? next().text : undefined;
      if (item.kind === 'path' && item.steps.length === 0 && named === undefined) return { kind: 'all' };
      items.push({ expression: item, name: named ?? (last === undefined ? `$${items.length + 1}` : String(last)) });
    } while (takeSymbol(','));
    return { kind: 'list', items };
  }

  function expressions(): Expression[] {
    const list = [expression()];
    while (takeSymbol(',')) list.push(expression());
    return list;
  }

  function orderItems() {
    const items: { by: Expression; descending: boolean }[] = [];
    do {
      const by = expression();
      const descending = takeWord('DESC');
      if (!descending) takeWord('ASC');
      items.push({ by, descending });
    } while (takeSymbol(','));
    return items;
  }

  function expression(): Expression {
    let left = conjunction();
    while (takeWord('OR')) left = { kind: 'logical', operator: 'OR', left, right: conjunction() };
    return left;
  }

  function conjunction(): Expression {
    let left = negation();
    while (takeWord('AND')) left = { kind: 'logical', operator: 'AND', left, right: negation() };
    return left;
  }

  function negation(): Expression {
    return takeWord('NOT') ? { kind: 'not', of: negation() } : comparison();
  }

  function comparison(): Expression {
    const left = sum();
    const negated = isWord('NOT') && takeWord('NOT');
    if (takeWord('IN')) {
      expectSymbol('(');
      const list = expressions();
      expectSymbol(')');
      const found: Expression = { kind: 'in', of: left, list };
      return negated ? { kind: 'not', of: found } : found;
    }
    if (takeWord('BETWEEN')) {
      const from: Expression = { kind: 'comparison', operator: '>=', left, right: sum() };
      expectWord('AND');
      return { kind: 'logical', operator: 'AND', left: from, right: { kind: 'comparison', operator: '<=', left, right: sum() } };
    }
    if (negated) fail();
    const { kind, text } = peek();
    if (kind === 'symbol' && /^(=|!=|<>|<|>|<=|>=)$/.test(text)) {
      next();
      return { kind: 'comparison', operator: text === '<>' ? '!=' : text, left, right: sum() };
    }
    return left;
  }

  function sum(): Expression {
    let left = primary();
    while (isSymbol('+') || isSymbol('-') || isSymbol('*') || isSymbol('/') || isSymbol('%')) {
      left = { kind: 'arithmetic', operator: next().text, left, right: primary() };
    }
    return left;
  }

  function primary(): Expression {
    const token = next();
    if (token.kind === 'string') return { kind: 'literal', value: token.text };
    if (token.kind === 'number') return { kind: 'literal', value: Number(token.text) };
    if (token.kind === 'parameter') return { kind: 'parameter', name: token.text };
    if (token.kind === 'symbol' && token.text === '-') {
      const operand = primary();
      if (operand.kind === 'literal' && typeof operand.value === 'number') return { kind: 'literal', value: -operand.value };
      position -= 1;
      return fail();
    }
    if (token.kind === 'symbol' && token.text === '(') {
      const inner = expression();
      expectSymbol(')');
      return inner;
    }
    if (token.kind !== 'word') {
      position -= 1;
      return fail();
    }
    const word = token.text.toUpperCase();
    if (word === 'TRUE' || word === 'FALSE') return { kind: 'literal', value: word === 'TRUE' };
    if (word === 'NULL') return { kind: 'literal', value: null };
    if (takeSymbol('(')) {
      const given = isSymbol(')') ? [] : expressions();
      expectSymbol(')');
      return { kind: 'call', name: word, given };
    }
    if (token.text !== alias) throw badRequest(`Identifier '${token.text}' could not be resolved.`);
    return { kind: 'path', steps: steps() };
  }

  function steps(): (string | number)[] {
    const found: (string | number)[] = [];
    for (;;) {
      if (takeSymbol('.')) found.push(next().text);
      else if (takeSymbol('[')) {
        const token = next();
        found.push(token.kind === 'number' ? Number(token.text) : token.text);
        expectSymbol(']');
      } else return found;
    }
  }

  return { query };
}

const clauses = new Set(['WHERE', 'GROUP', 'ORDER', 'OFFSET', 'JOIN', 'IN']);
