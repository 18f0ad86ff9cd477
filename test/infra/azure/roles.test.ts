import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Node } from 'web-tree-sitter';
import {
  type BicepFile,
  bicepFile,
  bicepFiles,
  bodyOf,
  declarationsOf,
  nodesOf,
  parseBicep,
  placeOf,
  propertiesOf,
  textOf,
} from './bicep.ts';
import { actionUses, builtInRoles, cosmosRoles, type Need } from './role-uses.ts';

/*
 * Every role of the deployment is used by a call that the code makes, and its id is that of the role which its name says.
 */

const guid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Literal ids of roles, with the name that the file gives them: those that stand in a variable named after roles, that an assignment
 * names, or that are known. Other ids, such as that of an application, are not ids of roles.
 */
function namedIds(file: BicepFile): { name: string; id: string; node: Node }[] {
  const named = assignments(file).map(roleOf).join('\n');
  return declarationsOf(file, 'variable').flatMap(({ symbol, value }) => {
    const members: [string, Node][] = value?.type === 'string' ? [[symbol, value]] : [];
    for (const node of value ? nodesOf(value) : []) if (node.type === 'object') members.push(...propertiesOf(node));
    return members
      .filter(([, node]) => node.type === 'string' && guid.test(textOf(node)))
      .map(([name, node]) => ({ name, id: textOf(node), node }))
      .filter(
        ({ name, id }) => /roles?$/i.test(symbol) || new RegExp(`\\b${name}\\b`).test(named) || id in builtInRoles,
      );
  });
}

/** Role assignments of Azure and of Cosmos DB. */
const assignments = (file: BicepFile) =>
  declarationsOf(file, 'resource').filter(({ reference }) => /\/(roleAssignments|sqlRoleAssignments)@/.test(reference));

/** The text of `roleDefinitionId` of an assignment. */
function roleOf(declaration: ReturnType<typeof assignments>[number]): string {
  const properties = propertiesOf(bodyOf(declaration)).get('properties');
  const role = properties && propertiesOf(properties).get('roleDefinitionId');
  assert.ok(role, `${declaration.symbol} has no roleDefinitionId`);
  return role.text;
}

/**
 * Where a role comes from: a literal id of this file, a role that this file defines, a built-in role of Cosmos DB, or a parameter.
 * @returns undefined for anything else
 */
function sourceOf(file: BicepFile, role: string): { id?: string; definition?: string; parameter?: string } | undefined {
  const [, cosmos] = /sqlRoleDefinitions\/([0-9a-f-]{36})'?$/.exec(role) ?? [];
  if (cosmos !== undefined) return { id: cosmos };
  const [, argument] =
    /^subscriptionResourceId\(\s*'Microsoft\.Authorization\/roleDefinitions',\s*([\w.]+)\s*\)$/.exec(role) ?? [];
  if (argument !== undefined) {
    const id = namedIds(file).find(({ name }) => name === argument.split('.').at(-1))?.id;
    return id === undefined ? undefined : { id };
  }
  const [, definition] = /^(\w+)\.id$/.exec(role) ?? [];
  if (definition !== undefined) return { definition };
  const isParameter = declarationsOf(file, 'parameter').some(({ symbol }) => symbol === role);
  return isParameter ? { parameter: role } : undefined;
}

function assertNeeded(name: string, needs: readonly Need[] | undefined): void {
  assert.ok(needs && needs.length > 0, `role-uses.ts does not say what needs ${name}`);
  for (const [path, text] of needs) {
    const found = globSync(path).some((file) => readFileSync(file, 'utf8').includes(text));
    assert.ok(found, `${name}: ${path} has no "${text}" any more`);
  }
}

describe('every role in the Bicep files', () => {
  it('is that of its name, and is used by a call that the code makes', () => {
    const found = bicepFiles.flatMap((file) => namedIds(file).map((each) => ({ file, ...each })));
    assert.ok(found.length >= 15, `found ${found.length}`);
    for (const { file, name, id, node } of found) {
      const use = builtInRoles[id];
      assert.ok(use, `${placeOf(file, node)}: ${name} is ${id}, of which role-uses.ts knows nothing`);
      assertNeeded(use.name, use.needs);
      // hubTwinContributor for "IoT Hub Twin Contributor": the last two words.
      const end = use.name.toLowerCase().split(' ').slice(-2).join('');
      assert.ok(name.toLowerCase().endsWith(end), `${placeOf(file, node)}: ${name} is the id of "${use.name}"`);
    }
  });

  it('is given by an assignment that says which role it is', () => {
    for (const file of bicepFiles) {
      for (const declaration of assignments(file)) {
        const role = roleOf(declaration);
        const source = sourceOf(file, role);
        assert.ok(source, `${placeOf(file, declaration.node)}: ${role}`);
        if (source.id === undefined) continue;
        const use = builtInRoles[source.id] ?? cosmosRoles[source.id];
        assertNeeded(use?.name ?? source.id, use?.needs);
      }
    }
  });

  it('is assigned, if a file names its id or defines it', () => {
    for (const file of bicepFiles) {
      const given = assignments(file).map(roleOf);
      for (const { name, node } of namedIds(file)) {
        const isGiven = given.some((role) => new RegExp(`\\b${name}\\b`).test(role));
        assert.ok(isGiven, `${placeOf(file, node)}: nobody has the role ${name}`);
      }
      const definitions = declarationsOf(file, 'resource').filter(({ reference }) =>
        /\/(roleDefinitions|sqlRoleDefinitions)@/.test(reference),
      );
      for (const { symbol, node } of definitions) {
        assert.ok(given.includes(`${symbol}.id`), `${placeOf(file, node)}: nobody has the role ${symbol}`);
      }
    }
  });

  it('of our own has only data actions of calls that the code makes, and no other rights', () => {
    let roles = 0;
    for (const file of bicepFiles) {
      for (const declaration of declarationsOf(file, 'resource')) {
        if (!/\/(roleDefinitions|sqlRoleDefinitions)@/.test(declaration.reference)) continue;
        roles += 1;
        const place = placeOf(file, declaration.node);
        const body = bodyOf(declaration).text;
        const [, actions = ''] = /\bdataActions: \[([\s\S]*?)\]/.exec(body) ?? [];
        const named = [...actions.matchAll(/'([^']+)'/g)].map(([, action = '']) => action);
        assert.ok(named.length > 0, place);
        for (const action of named) assertNeeded(`${place}: ${action}`, actionUses[action]);
        for (const [, others = ''] of body.matchAll(/\bactions: \[([\s\S]*?)\]/g))
          assert.equal(others.trim(), '', place);
      }
    }
    assert.ok(roles >= 3, `found ${roles}`);
  });

  it('that main.bicep passes on is one that the module before defines', () => {
    const outputs = bicepFiles.flatMap((file) => declarationsOf(file, 'output').map(({ symbol }) => symbol));
    for (const file of bicepFiles.filter(({ path }) => path !== 'main.bicep')) {
      for (const declaration of assignments(file)) {
        const parameter = sourceOf(file, roleOf(declaration))?.parameter;
        if (parameter === undefined) continue;
        const passed = new RegExp(`\\b${parameter}: \\w+\\.outputs\\.(\\w+)`).exec(
          bicepFile('main.bicep').root.text,
        )?.[1];
        assert.ok(
          passed !== undefined && outputs.includes(passed),
          `${file.path}: ${parameter} is not an output of a module`,
        );
      }
    }
  });
});

describe('the checks of roles', () => {
  const file = (text: string) => parseBicep('planted.bicep', text);

  it('see ids in variables and in objects', () => {
    const id = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b';
    const other = '00000000-0000-4000-8000-000000000000';
    const planted = file(
      `var one = '${id}'\nvar roles = {\n  two: '${other}'\n  three: 'text'\n}\nvar application = '${other}'\n`,
    );
    assert.deepEqual(
      namedIds(planted).map(({ name }) => name),
      ['one', 'two'],
    );
  });

  it('do not take an assignment whose role cannot be told', () => {
    const planted = file('param role string\n');
    assert.equal(
      sourceOf(planted, "subscriptionResourceId('Microsoft.Authorization/roleDefinitions', other)"),
      undefined,
    );
    assert.equal(sourceOf(planted, "'/providers/x'"), undefined);
    assert.deepEqual(sourceOf(planted, 'role'), { parameter: 'role' });
  });
});
