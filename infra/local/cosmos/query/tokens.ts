import { badRequest } from '../cosmos-error.ts';

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

/** Cuts a query into tokens. @throws CosmosError 400 at the first character that begins none */
export function tokensOf(text: string): Token[] {
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
    throw badRequest(`Syntax error in the text ${text.slice(0, 40)}.`);
  }
}
