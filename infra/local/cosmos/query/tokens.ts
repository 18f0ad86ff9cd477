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

/** Cuts a query into tokens. @throws CosmosError 400 at the first character that begins none */
export function tokensOf(query: string): Token[] {
  const tokens: Token[] = [];
  pattern.lastIndex = 0;
  while (query.slice(pattern.lastIndex).trim() !== '') {
    const start = pattern.lastIndex;
    const groups = pattern.exec(query)?.groups;
    if (groups === undefined) throw badRequest(`Syntax error near "${query.slice(start, start + 20).trim()}".`);
    const [kind, text = ''] = Object.entries(groups).find(([, value]) => value !== undefined) ?? ['symbol'];
    tokens.push({ kind, text: kind === 'string' ? unquoted(text) : text } as Token);
  }
  tokens.push({ kind: 'end', text: '' });
  return tokens;
}

function unquoted(text: string): string {
  const inner = text.slice(1, -1).replaceAll("\\'", "'");
  return JSON.parse(`"${inner.replaceAll(/(?<!\\)"/g, '\\"')}"`) as string;
}
