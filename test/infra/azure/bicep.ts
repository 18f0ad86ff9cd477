import { globSync, readFileSync } from 'node:fs';
import { basename, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Language, type Node, Parser } from 'web-tree-sitter';

/*
 * Reads the Bicep files as syntax trees. npm has no Bicep compiler, but a grammar. With it, tests can check the rules of
 * this project and some of the compiler's rules without any other tool.
 */

const folder = fileURLToPath(new URL('../../../infra/azure/', import.meta.url));

await Parser.init();
const grammar = fileURLToPath(import.meta.resolve('tree-sitter-bicep/tree-sitter-bicep.wasm'));
const parser = new Parser().setLanguage(await Language.load(grammar));

export interface BicepFile {
  /** Path from infra/azure. */
  readonly path: string;
  readonly root: Node;
}

export function parseBicep(path: string, text: string): BicepFile {
  const tree = parser.parse(text);
  if (tree === null) throw new Error(`${path} was not parsed`);
  return { path, root: tree.rootNode };
}

export const bicepFiles: readonly BicepFile[] = globSync('**/*.bicep', { cwd: folder })
  .sort()
  .map((path) => parseBicep(path.replaceAll('\\', '/'), readFileSync(`${folder}${path}`, 'utf8')));

export function bicepFile(path: string): BicepFile {
  const file = bicepFiles.find((candidate) => candidate.path === path);
  if (file === undefined) throw new Error(`infra/azure/${path} does not exist`);
  return file;
}

/** The place of a node for messages, such as `file.bicep:12`. */
export function placeOf(file: BicepFile, node: Node): string {
  return `${relative('.', file.path) || basename(file.path)}:${node.startPosition.row + 1}`;
}

/** The node and all nodes below it, parents first. */
export function* nodesOf(node: Node): Generator<Node> {
  yield node;
  for (const child of node.namedChildren) if (child !== null) yield* nodesOf(child);
}

export type DeclarationKind = 'module' | 'resource' | 'parameter' | 'output' | 'variable';

export interface Declaration {
  readonly symbol: string;
  /** Resource type with version, or module path; empty for parameters, outputs and variables. */
  readonly reference: string;
  readonly node: Node;
  /** The object, or the expression after `=`; undefined for a parameter without a default. */
  readonly value: Node | undefined;
  readonly existing: boolean;
}

export function declarationsOf(file: BicepFile, kind: DeclarationKind): Declaration[] {
  return [...nodesOf(file.root)]
    .filter((node) => node.type === `${kind}_declaration`)
    .map((node) => {
      const children = node.namedChildren.filter((child): child is Node => child !== null);
      const [symbol, second] = children;
      const last = children.at(-1);
      const typed = kind === 'module' || kind === 'resource';
      const bare = last === symbol || last?.type === 'type';
      return {
        node,
        symbol: symbol?.text ?? '',
        reference: typed && second?.type === 'string' ? textOf(second) : '',
        value: bare ? undefined : last,
        existing: node.children.some((child) => child?.type === 'existing' || child?.text === 'existing'),
      };
    });
}

/** The object of a resource or module, also when it is inside a condition or a loop. */
export function bodyOf({ value }: Declaration): Node {
  if (value === undefined) throw new Error('a declaration without a body');
  const body = [...nodesOf(value)].find((node) => node.type === 'object');
  if (body === undefined) throw new Error('a body without an object');
  return body;
}

/** Properties of an object node by name. */
export function propertiesOf(object: Node): Map<string, Node> {
  const properties = new Map<string, Node>();
  for (const property of object.namedChildren) {
    if (property?.type !== 'object_property') continue;
    const [key, value] = property.namedChildren;
    if (key && value) properties.set(key.type === 'string' ? textOf(key) : key.text, value);
  }
  return properties;
}

export type Literal = string | number | boolean | null | Literal[] | { [name: string]: Literal };

/** The value of a node. Expressions in it stay as source text. */
export function literalOf(node: Node): Literal {
  const children = node.namedChildren.filter((child): child is Node => child !== null && child.type !== 'comment');
  switch (node.type) {
    case 'object':
      return Object.fromEntries([...propertiesOf(node)].map(([name, value]) => [name, literalOf(value)]));
    case 'array':
      return children.map(literalOf);
    case 'string':
      return textOf(node);
    case 'number':
      return Number(node.text);
    case 'boolean':
      return node.text === 'true';
    default:
      return node.text === 'true' || node.text === 'false' ? node.text === 'true' : node.text;
  }
}

/** A string without its quotes. Interpolations stay as source text. */
export function textOf(string: Node): string {
  const quote = string.text.startsWith("'''") ? 3 : 1;
  return string.text.slice(quote, -quote);
}

/** Calls below the node, with the name of the function, such as `guid` or `listKeys`. */
export function callsOf(node: Node): { name: string; node: Node }[] {
  return [...nodesOf(node)]
    .filter((candidate) => candidate.type === 'call_expression')
    .map((call) => ({ name: call.childForFieldName('function')?.text.split('.').at(-1) ?? '', node: call }));
}
