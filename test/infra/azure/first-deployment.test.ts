import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { assertEvery } from '../../assert-every.ts';
import {
  bicepFile,
  bicepFiles,
  bodyOf,
  declarationsOf,
  type Literal,
  literalOf,
  placeOf,
  propertiesOf,
} from './bicep.ts';
import { objectAt, paramsOf, resource } from './template.ts';

/*
 * What a first deployment meets in Azure, as documentation and issues of others tell it. Each test holds one of them. Nothing here ran in
 * Azure.
 */

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const main = bicepFile('main.bicep');
const everyResource = bicepFiles.flatMap((file) =>
  declarationsOf(file, 'resource')
    .filter(({ existing }) => !existing)
    .map((declaration) => ({ file, declaration, place: placeOf(file, declaration.node) })),
);

/** The modules of main.bicep that each one waits for, by an output that it reads or by dependsOn, also through others. */
function waits(): ReadonlyMap<string, ReadonlySet<string>> {
  const modules = declarationsOf(main, 'module');
  const names = modules.map(({ symbol }) => symbol);
  const variables = declarationsOf(main, 'variable');
  const direct = new Map(
    modules.map(({ symbol, node }) => {
      const used = variables.filter((variable) => new RegExp(`\\b${variable.symbol}\\b`).test(node.text));
      const text = [node.text, ...used.map(({ value }) => value?.text ?? '')].join('\n');
      const read = [...text.matchAll(/\b(\w+)(?:\[\w+\])?!?\.outputs\./g)].map(([, name = '']) => name);
      const lists = [...text.matchAll(/\bdependsOn: \[([\w, ]*)\]/g)].flatMap(([, list = '']) => list.split(', '));
      return [symbol, [...read, ...lists]] as const;
    }),
  );
  const all = (name: string, seen = new Set<string>()): Set<string> => {
    for (const next of direct.get(name) ?? []) {
      assert.ok(names.includes(next), `main.bicep has no module ${next}`);
      if (!seen.has(next)) all(next, seen.add(next));
    }
    return seen;
  };
  return new Map(names.map((name) => [name, all(name)]));
}

describe('the order of a deployment', () => {
  const waitsFor = waits();
  const comesAfter = (name: string, ...earlier: string[]) => {
    for (const each of earlier) assert.ok(waitsFor.get(name)?.has(each), `${name} does not wait for ${each}`);
  };
  const storeRoles = ['storageRoles', 'vaultRoles', 'uploadsRoles'];

  it('gives the roles on a store as soon as it is there, before what takes minutes', () => {
    for (const roles of [...storeRoles, 'estStorage', 'monitoring']) {
      const late = ['cosmos', 'hub', 'stampHubs', 'dps', 'stampDps', 'functionApp', 'estApp'];
      assert.deepEqual(
        late.filter((name) => waitsFor.get(roles)?.has(name)),
        [],
        roles,
      );
    }
  });

  it('makes hubs and Cosmos DB after the roles on the stores', () => {
    for (const name of ['cosmos', 'hub', 'stampHubs']) comesAfter(name, ...storeRoles);
  });

  it('makes DPS after its hub, which has its role, and after Cosmos DB, which takes minutes', () => {
    comesAfter('dps', 'hub', 'cosmosRoles');
    comesAfter('stampDps', 'stampHubs', 'cosmosRoles');
    const { dpsPrincipalId } = paramsOf('main.bicep', 'hub');
    assert.equal(dpsPrincipalId, 'dpsIdentity.outputs.principalId');
    assert.equal(resource('app/hub.bicep', 'dpsOnHub')['scope'], 'hub');
  });

  it('makes the apps after every role that they have', () => {
    for (const app of ['functionApp', 'estApp']) {
      comesAfter(app, 'storageRoles', 'estStorage', 'vaultRoles', 'cosmosRoles', 'monitoring', 'dps', 'stampDps');
    }
  });

  it('makes event subscriptions last, since Event Grid checks then that it may deliver', () => {
    comesAfter('uploads', 'uploadsTopic', 'uploadsRoles', 'functionApp', 'estApp');
    comesAfter('hubEvents', 'hubTopic', 'hubEventsRoles', 'functionApp', 'estApp');
  });

  it('makes one role of Cosmos DB after the other, since the account takes one change at a time', () => {
    const roles = everyResource.filter(({ declaration }) => /\/sqlRole/.test(declaration.reference));
    assert.ok(roles.length >= 6);
    assertEvery(roles, ({ file }) => file.path === 'app/cosmos-roles.bicep', 'two files are deployed at the same time');
    const text = bicepFile('app/cosmos-roles.bicep').root.text;
    for (const [index, { declaration, place }] of roles.entries()) {
      const [before] = index === 0 ? [] : roles.slice(index - 1, index);
      const body = declaration.node.text;
      const waitsForIt =
        body.includes(`dependsOn: [${before?.declaration.symbol}]`) ||
        body.includes(`${before?.declaration.symbol}.id`);
      assert.ok(before === undefined || waitsForIt, place);
      if (/= \[\n/.test(body)) assert.ok(text.includes(`@batchSize(1)\nresource ${declaration.symbol} `), place);
    }
  });

  it('is told and drawn in the manual', () => {
    assert.match(read('docs/deploy.md'), /^## The order of a deployment$/m);
    assert.match(read('docs/deploy.md'), /^### Who may do what$/m);
  });
});

describe('role assignments', () => {
  it('are named by the principal, so that an identity that is made anew gets one of its own', () => {
    const assignments = everyResource.filter(({ declaration }) => /oleAssignments@/.test(declaration.reference));
    assert.ok(assignments.length >= 20, `found ${assignments.length}`);
    for (const { declaration, place } of assignments) {
      const name = propertiesOf(bodyOf(declaration)).get('name')?.text ?? '';
      const properties = propertiesOf(bodyOf(declaration)).get('properties');
      const principal = properties && propertiesOf(properties).get('principalId')?.text;
      assert.match(principal ?? '', /rincipalId$/, place);
      assert.ok(name.includes(`, ${principal}, `), `${place} ${name} does not name ${principal}`);
    }
  });

  it('are all in the table of the manual, by the scope of each identity', () => {
    const [, table = ''] = /^### Who may do what$([\s\S]*?)^#/m.exec(read('docs/deploy.md')) ?? [];
    const builtIn = new Set(
      bicepFiles.flatMap(({ root }) => [...root.text.matchAll(/builtInRoles\.(\w+)/g)].map(([, name = '']) => name)),
    );
    const words = (name: string) =>
      name
        .replace(/^hub/, 'IotHub')
        .replace(/^dps/, 'DeviceProvisioningService')
        .replaceAll(/([A-Z])/g, ' $1')
        .trim()
        .toLowerCase();
    for (const name of builtIn) assert.ok(table.toLowerCase().includes(words(name)), `${name}: "${words(name)}"`);
  });
});

describe('the apps on Flex Consumption', () => {
  const site = paramsOf('app/function-app.bicep', 'site');
  const authentication = () => {
    const variable = declarationsOf(bicepFile('app/function-app.bicep'), 'variable').find(
      ({ symbol }) => symbol === 'authentication',
    );
    assert.ok(variable?.value);
    return objectAt(literalOf(variable.value) as Record<string, Literal>, 'properties');
  };
  const settings = () => {
    const variable = declarationsOf(bicepFile('app/function-app.bicep'), 'variable').find(
      ({ symbol }) => symbol === 'hostSettings',
    );
    assert.ok(variable?.value);
    return literalOf(variable.value) as Record<string, Literal>;
  };

  it('set of the site only what the plan takes, and that in any case', () => {
    assert.deepEqual(site['siteConfig'], { http20Enabled: true, minTlsVersion: '1.2' });
  });

  it('deploy the settings of sign-in also to turn it off', () => {
    assert.deepEqual(site['configs'], ['appSettings', 'authentication']);
    assert.equal(objectAt(authentication(), 'platform')['enabled'], 'entra');
    assert.equal(objectAt(authentication(), 'globalValidation')['requireAuthentication'], 'entra');
  });

  it('name the applications that the platform lets in', () => {
    const providers = String(authentication()['identityProviders']);
    const azureCli = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';
    assert.ok(providers.includes(`allowedApplications: union([entraClientId, '${azureCli}'], allowedApplications)\n`));
    assert.equal(paramsOf('main.bicep', 'functionApp')['allowedApplications'], 'allowedApplications');
  });

  it('tell the code that the deployment turned sign-in on, where it did', () => {
    assert.equal(settings()['PLATFORM_SIGN_IN'], "entra ? 'true' : 'false'");
  });

  it('keep every log line and trace', () => {
    assert.equal(settings()['OTEL_TRACES_SAMPLER'], 'microsoft.fixed_percentage');
    assert.equal(settings()['OTEL_TRACES_SAMPLER_ARG'], '1.0');
  });

  it('are packaged anew by azd deploy too, which does not run the hook of azd package', () => {
    const { hooks } = parse(read('azure.yaml'));
    assert.deepEqual(hooks.predeploy, hooks.prepackage);
    for (const shell of ['posix', 'windows'])
      assert.equal(hooks.predeploy[shell].run, 'npm ci --ignore-scripts && npm run package');
  });
});

describe('the operator', () => {
  it('is a principal that someone named: azd sets AZURE_PRINCIPAL_ID to whoever deploys, also to a pipeline', () => {
    const { parameters } = JSON.parse(read('infra/azure/main.parameters.json'));
    // biome-ignore lint/suspicious/noTemplateCurlyInString: azd replaces it
    assert.equal(parameters.operatorPrincipalId.value, '${OPERATOR_PRINCIPAL_ID=}');
    for (const path of ['infra/azure/main.parameters.json', '.github/workflows/deploy.yml'])
      assert.doesNotMatch(read(path), /AZURE_PRINCIPAL/, path);
  });

  it('gets the metadata of the Cosmos DB account too when it registers a root: the SDK reads them first', () => {
    const [, commands = ''] = /^ME=([\s\S]*?)^```/m.exec(read('docs/deploy.md')) ?? [];
    const { roleName } = objectAt(resource('app/cosmos-roles.bicep', 'metadataReader'), 'properties');
    assert.ok(commands.includes(`roleName=='${roleName}'`), commands);
    assert.match(commands, /--role-definition-id "\$METADATA_ROLE" --principal-id "\$ME" --scope \/$/m);
  });
});

describe('events', () => {
  const subscription = objectAt(resource('app/event-subscription.bicep', 'subscription'), 'properties');

  it('are delivered by the identity of the topic, which alone gets through a firewall', () => {
    assert.deepEqual(resource('app/system-topic.bicep', 'topic')['identity'], { type: 'SystemAssigned' });
    for (const delivery of ['deliveryWithResourceIdentity', 'deadLetterWithResourceIdentity'])
      assert.deepEqual(objectAt(subscription, delivery)['identity'], { type: 'SystemAssigned' });
    const { networkAcls, publicNetworkAccess } = paramsOf('app/storage.bicep', 'account');
    assert.equal(Object(networkAcls).bypass, 'AzureServices');
    assert.equal(publicNetworkAccess, 'Enabled');
  });

  it('that cannot be delivered are kept, in a container in which the topic may write', () => {
    const { deadLetterDestination } = objectAt(subscription, 'deadLetterWithResourceIdentity');
    assert.deepEqual(deadLetterDestination, {
      endpointType: 'StorageBlob',
      properties: { resourceId: 'storage.id', blobContainerName: 'deadLetterContainerName' },
    });
    assert.equal(resource('app/delivery-roles.bicep', 'onDeadLetters')['scope'], 'storage::blobs::deadLetters');
    const container = 'storage.outputs.undeliveredEventsName';
    for (const module of ['uploads', 'uploadsRoles', 'hubEvents', 'hubEventsRoles'])
      assert.equal(paramsOf('main.bicep', module)['deadLetterContainerName'], container, module);
  });

  it('that cannot be delivered raise an alert', () => {
    const metrics = [...bicepFile('app/delivery-alerts.bicep').root.text.matchAll(/^ +metric: '(\w+)'$/gm)];
    assert.deepEqual(
      metrics.map(([, name]) => name),
      ['DeadLetteredCount', 'DroppedEventCount', 'DeliveryAttemptFailCount'],
    );
    assert.equal(paramsOf('main.bicep', 'uploadsAlerts')['topicId'], 'uploadsTopic.outputs.id');
    assert.equal(paramsOf('main.bicep', 'hubEventsAlerts')['topicId'], 'hubTopic!.outputs.id');
  });
});

describe('the private network', () => {
  it('admits named address ranges at each firewall, and nobody else', () => {
    const firewalls: [string, string, string, string][] = [
      [
        'app/storage.bicep',
        'account',
        'networkAcls',
        "private ? map(allowedIpRanges, range => { value: range, action: 'Allow' }) : []",
      ],
      [
        'app/est-storage.bicep',
        'account',
        'networkAcls',
        "private ? map(allowedIpRanges, range => { value: range, action: 'Allow' }) : []",
      ],
      ['app/key-vault.bicep', 'vault', 'networkAcls', 'private ? map(allowedIpRanges, range => { value: range }) : []'],
      ['app/cosmos.bicep', 'account', 'networkRestrictions', 'private ? allowedIpRanges : []'],
    ];
    for (const [path, symbol, name, rules] of firewalls) {
      const params = paramsOf(path, symbol);
      const acls = objectAt(params, name);
      assert.equal(acls['ipRules'], rules, path);
      if (name === 'networkAcls') assert.equal(acls['defaultAction'], "private ? 'Deny' : 'Allow'", path);
      // Storage stays open to trusted services. Cosmos DB without a rule would admit everyone.
      const open = acls['publicNetworkAccess'] ?? params['publicNetworkAccess'];
      const expected =
        path === 'app/storage.bicep' ? 'Enabled' : "private && empty(allowedIpRanges) ? 'Disabled' : 'Enabled'";
      assert.equal(open, expected, path);
    }
    for (const module of ['storage', 'estStorage', 'cosmos', 'keyVault', 'auditVault'])
      assert.equal(paramsOf('main.bicep', module)['allowedIpRanges'], 'ipRanges', module);
  });

  it('has a way out for the app, which calls DPS, IoT Hub and Azure Monitor at public addresses', () => {
    const [app] = paramsOf('app/network.bicep', 'network')['subnets'] as Record<string, Literal>[];
    assert.equal(app?.['name'], 'app');
    assert.equal(app?.['defaultOutboundAccess'], true);
  });

  it('is a path in the manual: the provider, from inside, from outside, and what is not proven', () => {
    const [, section = ''] = /^## The private network$([\s\S]*?)^## /m.exec(read('docs/deploy.md')) ?? [];
    assert.match(section, /az provider register --namespace Microsoft\.App --wait/);
    for (const words of [
      'ALLOWED_IP_RANGES',
      'upload',
      'report',
      'bundle',
      'register the root',
      'deploy the code',
      'Not proven',
    ])
      assert.ok(section.toLowerCase().includes(words.toLowerCase()), words);
  });
});

describe('logs of the platform', () => {
  const categories = (path: string, symbol: string) => {
    const { properties } = resource(path, symbol, 'diagnosticSettings');
    return (Object(properties).logs as Record<string, Literal>[])
      .filter(({ enabled }) => enabled === true)
      .map(({ category, categoryGroup }) => category ?? categoryGroup);
  };

  it('show connections to the hub, and what failed between Event Grid and a queue', () => {
    assert.deepEqual(categories('app/hub.bicep', 'hubLogs'), ['Connections', 'DeviceIdentityOperations']);
    assert.deepEqual(categories('app/dps.bicep', 'dpsLogs'), ['allLogs']);
    assert.deepEqual(categories('app/system-topic.bicep', 'topicLogs'), ['DeliveryFailures']);
    assert.deepEqual(categories('app/event-topic.bicep', 'topicLogs'), ['DeliveryFailures', 'PublishFailures']);
    assert.deepEqual(categories('app/est-storage.bicep', 'blobLogs'), ['StorageWrite', 'StorageDelete']);
  });

  it('are deployed with every deployment', () => {
    for (const module of ['dataLogs', 'hub', 'dps', 'uploadsTopic', 'estStorage']) {
      const found = declarationsOf(main, 'module').find(({ symbol }) => symbol === module);
      assert.doesNotMatch(found?.node.text ?? 'missing', /= if \(|missing/, module);
    }
  });

  it('hide the addresses of callers, and keep no query from being saved', () => {
    assert.equal(paramsOf('app/monitoring.bicep', 'component')['disableIpMasking'], false);
    assert.equal(paramsOf('app/monitoring.bicep', 'workspace')['forceCmkForQuery'], false);
  });
});

describe('what is fixed when it is made', () => {
  it('IoT Hub takes TLS 1.2 or later', () => {
    assert.equal(objectAt(resource('app/hub.bicep', 'hub'), 'properties')['minTlsVersion'], '1.2');
  });

  it('the name of the resource group does not end with a dot', () => {
    const name = declarationsOf(main, 'variable').find(({ symbol }) => symbol === 'groupName');
    assert.match(name?.value?.text ?? '', /^endsWith\(environmentName, '\.'\)\s+\? fail\('/);
    assert.equal(resource('main.bicep', 'group')['name'], 'groupName');
  });
});

describe('modules of the registry', () => {
  it('report nothing to Microsoft unless the deployment says so', () => {
    const calls = bicepFiles.flatMap((file) =>
      declarationsOf(file, 'module')
        .filter(({ reference }) => reference.startsWith('br/'))
        .map(({ symbol, node }) => ({ path: file.path, symbol, place: placeOf(file, node) })),
    );
    assert.ok(calls.length >= 15, `found ${calls.length}`);
    for (const { path, symbol, place } of calls)
      assert.equal(paramsOf(path, symbol)['enableTelemetry'], 'moduleTelemetry', place);
    const parameter = declarationsOf(main, 'parameter').find(({ symbol }) => symbol === 'moduleTelemetry');
    assert.equal(parameter?.value?.text, 'false');
  });
});

describe('SECURITY.md', () => {
  it('says what a leaked identity of an app can do, and what limits it', () => {
    const [, accepted = ''] = read('SECURITY.md').split('\n## Known and accepted\n');
    for (const words of ['identity', 'sign', 'Key Vault', 'audit trail']) assert.ok(accepted.includes(words), words);
  });
});
