import assert from 'node:assert/strict';
import { bicepFile, bodyOf, declarationsOf, type Literal, literalOf } from './bicep.ts';

/** What is passed to a module. Expressions are their source text. */
export function paramsOf(path: string, symbol: string): Record<string, Literal> {
  const module = declarationsOf(bicepFile(path), 'module').find((declaration) => declaration.symbol === symbol);
  assert.ok(module, `${path} has no module ${symbol}`);
  return objectAt(literalOf(bodyOf(module)) as Record<string, Literal>, 'params');
}

/** The body of a resource that the file makes. Expressions are their source text. */
export function resource(path: string, symbol: string, type = ''): Record<string, Literal> {
  const found = declarationsOf(bicepFile(path), 'resource').find(
    (declaration) => declaration.symbol === symbol && !declaration.existing && declaration.reference.includes(type),
  );
  assert.ok(found, `${path} has no resource ${symbol}`);
  return literalOf(bodyOf(found)) as Record<string, Literal>;
}

export function objectAt(value: Record<string, Literal>, name: string): Record<string, Literal> {
  const part = value[name];
  assert.ok(typeof part === 'object' && part !== null && !Array.isArray(part), `no object ${name}`);
  return part;
}
