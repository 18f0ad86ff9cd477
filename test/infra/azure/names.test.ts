import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Node } from 'web-tree-sitter';
import { bicepFile, bodyOf, declarationsOf, nodesOf, placeOf, propertiesOf, textOf } from './bicep.ts';

/*
 * Names of resources for the longest environment name. Rules: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
 */

const main = bicepFile('main.bicep');
const abbreviations: Record<string, string> = JSON.parse(readFileSync('infra/azure/abbreviations.json', 'utf8'));

/** What a name of each kind of resource may be, by the name of its abbreviation. */
const rules: Readonly<Record<string, RegExp>> = {
  devicesIotHubs: /^[A-Za-z0-9][A-Za-z0-9-]{1,48}[A-Za-z0-9]$/,
  devicesProvisioningServices: /^[A-Za-z0-9][A-Za-z0-9-]{1,62}[A-Za-z0-9]$/,
  documentDBDatabaseAccounts: /^[a-z0-9][a-z0-9-]{1,42}[a-z0-9]$/,
  eventGridSystemTopics: /^[A-Za-z0-9-]{3,50}$/,
  eventGridTopics: /^[A-Za-z0-9-]{3,50}$/,
  insightsActionGroups: /^[A-Za-z0-9._()-]{1,260}$/,
  insightsComponents: /^[A-Za-z0-9._()-]{1,259}[A-Za-z0-9_()-]$/,
  keyVaultVaults: /^(?!.*--)[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]$/,
  managedIdentityUserAssignedIdentities: /^[A-Za-z0-9][A-Za-z0-9_-]{2,127}$/,
  networkVirtualNetworks: /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}[A-Za-z0-9_]$/,
  operationalInsightsWorkspaces: /^[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]$/,
  // A name that ends with a dot is refused. azd takes such an environment name, so this is about the others.
  resourcesResourceGroups: /^[A-Za-z0-9._()-]{0,89}[A-Za-z0-9_()-]$/,
  storageStorageAccounts: /^[a-z0-9]{3,24}$/,
  webServerFarms: /^[A-Za-z0-9-]{1,60}$/,
  // The first label of the host name too.
  webSitesFunctions: /^[A-Za-z0-9][A-Za-z0-9-]{0,58}[A-Za-z0-9]$/,
};

/** Characters of the name of a deployment. Every module is one. */
const deploymentName = /^[A-Za-z0-9._()-]{1,64}$/;

/** The longest value of the expressions that stand in names. */
function longest(expression: string): string {
  const [, abbreviation] = /^abbreviations\.(\w+)$/.exec(expression) ?? [];
  if (abbreviation !== undefined) return abbreviations[abbreviation] ?? assert.fail(`no abbreviation ${abbreviation}`);
  // uniqueString() has 13 characters.
  if (expression === 'token') {
    assert.match(main.root.text, /^var token = toLower\(uniqueString\(/m);
    return 'a'.repeat(13);
  }
  if (expression === 'environmentName') return 'e'.repeat(limitOf(/^param environmentName string/));
  // The name of a DPS instance.
  if (expression === 'instance.name') return 'i'.repeat(limitOf(/^ {2}name: string/));
  return assert.fail(`names.test.ts does not know how long \${${expression}} can be`);
}

/** `@maxLength` of the declaration that the pattern begins. */
function limitOf(declaration: RegExp): number {
  const lines = main.root.text.split('\n');
  const index = lines.findIndex((line) => declaration.test(line));
  for (let above = index - 1; above >= 0 && /^\s*@/.test(lines[above] ?? ''); above -= 1) {
    const [, limit] = /@maxLength\((\d+)\)/.exec(lines[above] ?? '') ?? [];
    if (limit !== undefined) return Number(limit);
  }
  return assert.fail(`${declaration} has no @maxLength`);
}

const longestName = (string: Node) =>
  textOf(string).replaceAll(/\$\{([^}]+)\}/g, (_, expression) => longest(expression));

describe('the names of resources', () => {
  const names = [...nodesOf(main.root)].filter(
    (node) => node.type === 'string' && node.text.includes('${abbreviations.'),
  );

  it('fit the limits of their kinds with the longest environment name', () => {
    assert.ok(names.length >= 15, `found ${names.length}`);
    for (const node of names) {
      const [, kind = ''] = /\$\{abbreviations\.(\w+)\}/.exec(node.text) ?? [];
      const rule = rules[kind];
      assert.ok(rule, `${placeOf(main, node)}: names.test.ts has no rule for ${kind}`);
      assert.match(longestName(node), rule, `${placeOf(main, node)}: ${node.text}`);
    }
  });

  it('that are the same for two resources of one kind do not exist', () => {
    const written = names.map((node) => node.text);
    assert.deepEqual(
      written.filter((text, index) => written.indexOf(text) !== index),
      [],
    );
  });

  it('of deployments fit their limit, and differ', () => {
    const found = declarationsOf(main, 'module').map((module) => {
      const name = propertiesOf(bodyOf(module)).get('name');
      assert.ok(name, `${placeOf(main, module.node)} has no name`);
      assert.match(longestName(name), deploymentName, placeOf(main, module.node));
      return name.text;
    });
    assert.equal(new Set(found).size, found.length);
  });
});
