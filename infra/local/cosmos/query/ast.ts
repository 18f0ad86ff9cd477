/** The part of Cosmos DB's query language that this stand-in knows. */
export interface Query {
  readonly distinct: boolean;
  readonly top?: Expression;
  readonly select: Selection;
  /** The name that stands for a document, such as `c`. */
  readonly alias: string;
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

export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'parameter'; readonly name: string }
  /** Steps below a document: names and array positions. */
  | { readonly kind: 'path'; readonly steps: readonly (string | number)[] }
  | { readonly kind: 'call'; readonly name: string; readonly given: readonly Expression[] }
  | { readonly kind: 'not'; readonly of: Expression }
  | { readonly kind: 'logical'; readonly operator: 'AND' | 'OR'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'comparison'; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'in'; readonly of: Expression; readonly list: readonly Expression[] };
