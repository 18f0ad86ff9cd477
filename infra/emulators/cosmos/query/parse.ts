import { badRequest } from '../errors.ts';

/** The supported part of the query language of Cosmos DB. */
export interface Query {
  readonly distinct: boolean;
  readonly top?: Expression;
  readonly select: Selection;
  /** Name of a document in the query, such as `c`. */
  readonly alias: string;
  /** The array whose elements are joined to each document: one row per element. */
  readonly join?: ElementSource;
  readonly where?: Expression;
  readonly groupBy: readonly Expression[];
  readonly orderBy: readonly { readonly by: Expression; readonly descending: boolean }[];
  readonly offset?: Expression;
  readonly limit?: Expression;
}

export type Selection =
  | { readonly kind: 'all' }
  | { readonly kind: 'value'; readonly expression: Expression }
  | { readonly kind: 'list'; readonly items: readonly { readonly expression: Expression; readonly name: string }[] };

/** `<name> IN c.<steps>`: the elements of an array of the document. */
export interface ElementSource {
  readonly name: string;
  readonly steps: readonly (string | number)[];
}

export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'parameter'; readonly name: string }
  /** Steps below the document, or below the element of that name: names and array positions. */
  | { readonly kind: 'path'; readonly element?: string; readonly steps: readonly (string | number)[] }
  /** `EXISTS (SELECT VALUE x FROM x IN c.list WHERE ...)` */
  | { readonly kind: 'exists'; readonly source: ElementSource; readonly where?: Expression }
  | { readonly kind: 'call'; readonly name: string; readonly given: readonly Expression[] }
  | { readonly kind: 'not'; readonly of: Expression }
  | { readonly kind: 'logical'; readonly operator: 'AND' | 'OR'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'comparison'; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'in'; readonly of: Expression; readonly list: readonly Expression[] };

export type Token =
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'parameter'; readonly text: string }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'symbol'; readonly text: string }
  | { readonly kind: 'end'; readonly text: '' };

const pattern =
  /\s*(?:(?<word>[A-Za-z_]\w*)|(?<parameter>@\w+)|(?<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?<symbol><=|>=|!=|<>|\|\||[=<>()[\],.*+\-/%?:]))/y;

/** "Maximum length of SQL query: 512 KB", https://learn.microsoft.com/azure/cosmos-db/concepts-limits#sql-query-limits */
const maxLength = 512 * 1024;

/** Splits a query into tokens. @throws CosmosError 400 that shows the first invalid character */
function tokensOf(text: string): Token[] {
  if (text.length > maxLength) throw badRequest('The SQL query text exceeded the maximum limit of 524288 characters.');
  const query = text.trim();
  const tokens: Token[] = [];
  pattern.lastIndex = 0;
  while (pattern.lastIndex < query.length) {
    const start = pattern.lastIndex;
    const groups = pattern.exec(query)?.groups;
    if (groups === undefined) throw badRequest(`Syntax error near "${query.slice(start, start + 20).trim()}".`);
    const [kind, found = ''] = Object.entries(groups).find(([, value]) => value !== undefined) ?? ['symbol'];
    tokens.push({ kind, text: kind === 'string' ? unquoted(found) : found } as Token);
  }
  tokens.push({ kind: 'end', text: '' });
  return tokens;
}

function unquoted(text: string): string {
  const inner = text.slice(1, -1).replaceAll("\\'", "'");
  try {
    return JSON.parse(`"${inner.replaceAll(/(?<!\\)"/g, '\\"')}"`) as string;
  } catch {
    throw badRequest(`Syntax error in the string ${text.slice(0, 40)}.`);
  }
}

/** Parses a query. @throws CosmosError 400 that names the unsupported part */
export function parseQuery(text: string): Query {
  return createParser(tokensOf(text)).query();
}

/** Parses the filter predicate of a patch, `FROM c WHERE ...`. @throws CosmosError 400 */
export function parseCondition(text: string): Query {
  return parseQuery(`SELECT * ${text}`);
}

function createParser(tokens: readonly Token[]) {
  let position = 0;
  let alias = 'c';
  /** Names of the elements that can be used here. */
  const elements = new Set<string>();
  let depth = 0;
  let operators = 0;

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

  const takeWords = (first: string, second: string): boolean => takeWord(first) && expectWord(second);

  function query(): Query {
    expectWord('SELECT');
    const distinct = takeWord('DISTINCT');
    const top = takeWord('TOP') ? primary() : undefined;
    // The selection uses the alias that FROM defines after it. So look ahead.
    alias = aliasAhead();
    const select = selection();
    expectWord('FROM');
    if (next().kind !== 'word') throw badRequest('A query needs FROM and the name of a container.');
    if (takeWord('AS') || (peek().kind === 'word' && !isClause())) next();
    const join = takeWord('JOIN') ? elementSource() : undefined;
    if (isWord('JOIN')) throw badRequest('The emulator supports one JOIN.');
    if (isWord('IN')) throw badRequest('The emulator supports IN after JOIN and in EXISTS only.');
    const where = takeWord('WHERE') ? expression() : undefined;
    const groupBy = takeWords('GROUP', 'BY') ? expressions() : [];
    const orderBy = takeWords('ORDER', 'BY') ? orderItems() : [];
    const offset = takeWord('OFFSET') ? primary() : undefined;
    const limit = offset !== undefined && expectWord('LIMIT') ? primary() : undefined;
    if (peek().kind !== 'end') fail();
    return { distinct, top, select, alias, join, where, groupBy, orderBy, offset, limit };
  }

  function aliasAhead(): string {
    // After a dot, FROM is the name of a property.
    const from = tokens.findIndex(
      ({ kind, text }, index) => kind === 'word' && text.toUpperCase() === 'FROM' && tokens[index - 1]?.text !== '.',
    );
    const [name, second, third] = [tokens[from + 1], tokens[from + 2], tokens[from + 3]];
    if (from < 0 || name?.kind !== 'word') throw badRequest('A query needs FROM and the name of a container.');
    const joined = tokens.slice(from, from + 5).findIndex(({ text }) => text.toUpperCase() === 'JOIN');
    const element = joined < 0 ? undefined : tokens[from + joined + 1];
    if (element?.kind === 'word') elements.add(element.text);
    if (second?.kind === 'word' && second.text.toUpperCase() === 'AS') return third?.text ?? name.text;
    if (second?.kind === 'word' && !clauses.has(second.text.toUpperCase())) return second.text;
    return name.text;
  }

  function elementSource(): ElementSource {
    const { kind, text: name } = next();
    if (kind !== 'word' || name === alias) return fail();
    expectWord('IN');
    const array = primary();
    if (array.kind !== 'path' || array.element !== undefined || array.steps.length === 0)
      throw badRequest('The emulator supports IN for an array of the document only.');
    return { name, steps: array.steps };
  }

  function exists(): Expression {
    expectSymbol('(');
    expectWord('SELECT');
    expectWord('VALUE');
    const selected = next();
    expectWord('FROM');
    const source = elementSource();
    if (selected.kind !== 'number' && selected.text !== source.name)
      throw badRequest('The emulator supports EXISTS with SELECT VALUE of the element or of a number only.');
    if (elements.has(source.name)) throw badRequest(`The name '${source.name}' is used twice.`);
    elements.add(source.name);
    const where = takeWord('WHERE') ? expression() : undefined;
    elements.delete(source.name);
    expectSymbol(')');
    return { kind: 'exists', source, where };
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
      const ownName = item.kind === 'path' ? String(last ?? alias) : `$${items.length + 1}`;
      items.push({ expression: item, name: named ?? ownName });
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
    depth += 1;
    if (depth > maxDepth) throw badRequest('The query nests too deeply.');
    let left = conjunction();
    while (takeOperator('OR')) left = { kind: 'logical', operator: 'OR', left, right: conjunction() };
    depth -= 1;
    return left;
  }

  function takeOperator(word: string): boolean {
    if (!takeWord(word)) return false;
    operators += 1;
    if (operators > maxOperators) throw badRequest('The query has too many conditions.');
    return true;
  }

  function conjunction(): Expression {
    let left = negation();
    while (takeOperator('AND')) left = { kind: 'logical', operator: 'AND', left, right: negation() };
    return left;
  }

  function negation(): Expression {
    let negations = 0;
    while (takeWord('NOT')) negations += 1;
    const of = comparison();
    // NOT of an undefined value is undefined. So keep a double negation.
    if (negations === 0) return of;
    return { kind: 'not', of: negations % 2 === 1 ? of : { kind: 'not', of } };
  }

  function comparison(): Expression {
    const left = primary();
    const negated = isWord('NOT') && takeWord('NOT');
    if (takeWord('IN')) {
      expectSymbol('(');
      const list = expressions();
      expectSymbol(')');
      const found: Expression = { kind: 'in', of: left, list };
      return negated ? { kind: 'not', of: found } : found;
    }
    if (takeWord('BETWEEN')) {
      const from: Expression = { kind: 'comparison', operator: '>=', left, right: primary() };
      expectWord('AND');
      return {
        kind: 'logical',
        operator: 'AND',
        left: from,
        right: { kind: 'comparison', operator: '<=', left, right: primary() },
      };
    }
    if (negated) fail();
    const { kind, text } = peek();
    if (kind === 'symbol' && /^(=|!=|<>|<|>|<=|>=)$/.test(text)) {
      next();
      return { kind: 'comparison', operator: text === '<>' ? '!=' : text, left, right: primary() };
    }
    return left;
  }

  function primary(): Expression {
    const token = next();
    if (token.kind === 'string') return { kind: 'literal', value: token.text };
    if (token.kind === 'number') return { kind: 'literal', value: Number(token.text) };
    if (token.kind === 'parameter') return { kind: 'parameter', name: token.text };
    if (token.kind === 'symbol' && token.text === '-') {
      const operand = next();
      if (operand.kind === 'number') return { kind: 'literal', value: -Number(operand.text) };
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
    if (word === 'EXISTS' && isSymbol('(')) return exists();
    if (takeSymbol('(')) {
      const given = isSymbol(')') ? [] : expressions();
      expectSymbol(')');
      return { kind: 'call', name: word, given };
    }
    if (elements.has(token.text)) return { kind: 'path', element: token.text, steps: steps() };
    if (token.text !== alias) throw badRequest(`Identifier '${token.text}' could not be resolved.`);
    return { kind: 'path', steps: steps() };
  }

  function steps(): (string | number)[] {
    const found: (string | number)[] = [];
    for (;;) {
      if (takeSymbol('.')) found.push(step('word'));
      else if (takeSymbol('[')) {
        found.push(peek().kind === 'number' ? arrayPosition() : step('string'));
        expectSymbol(']');
      } else return found;
    }
  }

  function step(kind: 'word' | 'string'): string {
    if (peek().kind !== kind) fail();
    return next().text;
  }

  function arrayPosition(): number {
    const index = Number(next().text);
    return Number.isSafeInteger(index) ? index : fail();
  }

  return { query };
}

const clauses = new Set(['WHERE', 'GROUP', 'ORDER', 'OFFSET', 'JOIN', 'IN']);

/** The compiler is recursive, and SQLite allows expressions 1,000 levels deep. These bounds stay well below that. */
const maxDepth = 100;
const maxOperators = 500;
