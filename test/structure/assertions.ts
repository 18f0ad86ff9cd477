import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import ts from 'typescript';

/** Places in test sources where an assertion is missing or takes too much, each as `path:line` (line from 1). */
export interface WeakAssertions {
  /** `assert.throws` and `assert.rejects` that take every error, a TypeError of a bug too. */
  readonly anyError: string[];
  /** `every` in an assertion: it is true of an empty list, and skips the holes of `new Array(n)`. */
  readonly every: string[];
  /** Tests that assert nothing: they pass as long as nothing throws. */
  readonly silent: string[];
}

/**
 * Finds weak assertions in the sources of tests, by their syntax.
 * @param files paths from the project's root, with their text
 */
export function weakAssertions(files: ReadonlyMap<string, string>): WeakAssertions {
  const found: WeakAssertions = { anyError: [], every: [], silent: [] };
  const sources = new Sources(files);
  for (const file of files.keys()) {
    const source = sources.of(file);
    const place = (node: ts.Node) => `${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
    for (const node of nodesOf(source)) {
      if (!ts.isCallExpression(node)) continue;
      if (takesAnyError(node)) found.anyError.push(place(node));
      if (isEvery(node) && isAsserted(node)) found.every.push(place(node));
      const body = bodyOfTest(node);
      if (body !== undefined && !sources.asserts(body, file)) found.silent.push(place(node));
    }
  }
  return found;
}

/** The second argument names the error that is meant. A string is only the message of the assertion. */
function takesAnyError(call: ts.CallExpression): boolean {
  if (!/(^|\.)(throws|rejects)$/.test(call.expression.getText()) || !isAssertion(call)) return false;
  const [, meant] = call.arguments;
  return meant === undefined || ts.isStringLiteralLike(meant) || ts.isTemplateExpression(meant);
}

const isEvery = ({ expression }: ts.CallExpression) =>
  ts.isPropertyAccessExpression(expression) && expression.name.text === 'every';

const isAssertion = ({ expression }: ts.CallExpression) =>
  /^((t|context)\.)?assert(\.\w+)?$/.test(expression.getText());

/** Fails when it has waited in vain: `until` of test/until.ts, `waitFor` of Playwright. `fc.assert` fails by its property. */
const waits = ({ expression }: ts.CallExpression) =>
  /^(until|fc\.assert)$/.test(expression.getText()) ||
  (ts.isPropertyAccessExpression(expression) && expression.name.text === 'waitFor');

/** Whether the value of the expression is an argument of an assertion, alone or as a part of a condition. */
function isAsserted(expression: ts.Node): boolean {
  for (let node = expression.parent; !ts.isStatement(node); node = node.parent) {
    if (ts.isFunctionLike(node)) return false;
    if (ts.isCallExpression(node)) return isAssertion(node);
  }
  return false;
}

/** @returns the function that a call of `it` or `test` runs */
function bodyOfTest(call: ts.CallExpression): ts.Node | undefined {
  if (!/^(it|test|(t|context)\.test)(\.only)?$/.test(call.expression.getText())) return undefined;
  return call.arguments.find((each) => ts.isArrowFunction(each) || ts.isFunctionExpression(each));
}

/** Sources of tests, and which functions of them assert something, at once or through other functions. */
class Sources {
  readonly #files: ReadonlyMap<string, string>;
  readonly #parsed = new Map<string, ts.SourceFile>();
  readonly #functions = new Map<string, Map<string, ts.Node[]>>();
  readonly #asserting = new Map<string, boolean>();

  constructor(files: ReadonlyMap<string, string>) {
    this.#files = files;
  }

  of(file: string): ts.SourceFile {
    const known = this.#parsed.get(file);
    if (known !== undefined) return known;
    const text = this.#files.get(file) ?? (existsSync(file) ? readFileSync(file, 'utf8') : '');
    const parsed = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
    this.#parsed.set(file, parsed);
    return parsed;
  }

  asserts(body: ts.Node, file: string): boolean {
    return nodesOf(body).some((node) => {
      if (ts.isCallExpression(node) && (isAssertion(node) || waits(node))) return true;
      // A function that is called, or handed over to be called.
      return ts.isIdentifier(node) && !isName(node) && this.#isAsserting(node.text, file);
    });
  }

  #isAsserting(name: string, file: string): boolean {
    const key = `${file} ${name}`;
    const known = this.#asserting.get(key);
    if (known !== undefined) return known;
    this.#asserting.set(key, false); // For functions that call each other.
    const imported = importOf(name, this.of(file));
    const asserting =
      imported === undefined
        ? this.#functionsOf(file)
            .get(name)
            ?.some((each) => this.asserts(each, file)) === true
        : imported.file.startsWith('test/') && this.#isAsserting(imported.name, imported.file);
    this.#asserting.set(key, asserting);
    return asserting;
  }

  #functionsOf(file: string): Map<string, ts.Node[]> {
    const known = this.#functions.get(file);
    if (known !== undefined) return known;
    const functions = new Map<string, ts.Node[]>();
    for (const node of nodesOf(this.of(file))) {
      const name = nameOfFunction(node);
      if (name !== undefined) functions.set(name, [...(functions.get(name) ?? []), node]);
    }
    this.#functions.set(file, functions);
    return functions;
  }
}

/** Where an imported name comes from: a file by a relative path, and its name there. */
function importOf(name: string, source: ts.SourceFile): { file: string; name: string } | undefined {
  for (const statement of source.statements) {
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) continue;
    const { text } = statement.moduleSpecifier;
    const bindings = statement.importClause?.namedBindings;
    if (!text.startsWith('.') || bindings === undefined || !ts.isNamedImports(bindings)) continue;
    const found = bindings.elements.find((each) => each.name.text === name);
    if (found === undefined) continue;
    return { file: posix.join(posix.dirname(source.fileName), text), name: (found.propertyName ?? found.name).text };
  }
  return undefined;
}

function nameOfFunction(node: ts.Node): string | undefined {
  if (ts.isFunctionDeclaration(node)) return node.name?.text;
  if (!ts.isVariableDeclaration(node) || node.initializer === undefined) return undefined;
  const isFunction = ts.isArrowFunction(node.initializer) || ts.isFunctionExpression(node.initializer);
  return isFunction ? node.name.getText() : undefined;
}

/** Whether an identifier is the name of a member or of a property, and no reference to a variable. */
function isName(node: ts.Identifier): boolean {
  const { parent } = node;
  return (ts.isPropertyAccessExpression(parent) || ts.isPropertyAssignment(parent)) && parent.name === node;
}

function nodesOf(root: ts.Node): ts.Node[] {
  const nodes: ts.Node[] = [];
  const visit = (node: ts.Node) => {
    nodes.push(node);
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(root, visit);
  return nodes;
}
