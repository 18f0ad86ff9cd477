import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { settingMeta, settingNames } from '../../../functions/config/settings.ts';
import { containerDefinitions } from '../../../lib/azure/cosmos.ts';
import { blobContainers, cosmosContainers, eventQueue, poisonQueue, queueNames } from '../../../lib/resource-names.ts';
import { bicepFile, bicepFiles } from './bicep.ts';

/*
 * What the template makes is used, by the code or by another resource of the template; and what queries sort by is indexed.
 */

const storage = bicepFile('app/storage.bicep').root.text;
/** The other Bicep files: Event Grid delivers to some queues and containers, and the platform reads one. */
const others = bicepFiles.filter(({ path }) => path !== 'app/storage.bicep').map(({ root }) => root.text);

const namesIn = (text: string) => [...text.matchAll(/'([a-z0-9-]+)'/g)].map(([, name = '']) => name);

describe('the queues and containers of the template', () => {
  it('are those of the code, or the target of another resource', () => {
    const [, queues = ''] = /queues: concat\(([\s\S]*?)\n {6}\)/.exec(storage) ?? [];
    const [, named = ''] = /^var queueNames = \[([\s\S]*?)\]/m.exec(storage) ?? [];
    const own = new Set<string>([...queueNames, ...queueNames.map(poisonQueue), eventQueue]);
    const made = [...namesIn(queues), ...namesIn(named)];
    assert.ok(made.length > queueNames.length, `found ${made.length}`);
    for (const queue of made) {
      const isTarget = others.some((text) => text.includes(`queueName: '${queue}'`));
      assert.ok(own.has(queue) || isTarget, `queue ${queue} is not used`);
    }

    const [, containers = ''] = /containers: \[([\s\S]*?)\n {6}\]/.exec(storage) ?? [];
    const madeContainers = [...containers.matchAll(/name: '([a-z0-9-]+)'/g)].map(([, name = '']) => name);
    assert.ok(madeContainers.length > Object.keys(blobContainers).length);
    for (const container of madeContainers) {
      const isOurs = (Object.values(blobContainers) as string[]).includes(container);
      // The package of the app is in a container by its address.
      const isTarget = others.some(
        (text) => text.includes(`blobContainerName: '${container}'`) || text.includes(`}${container}'`),
      );
      assert.ok(isOurs || isTarget, `container ${container} is not used`);
    }
  });

  it('are not named anywhere else in the template under another name', () => {
    for (const text of others) {
      for (const [, queue = ''] of text.matchAll(/queueName: '([a-z0-9-]+)'/g)) {
        assert.ok(namesIn(storage).includes(queue), `queue ${queue} does not exist`);
      }
      for (const [, container = ''] of text.matchAll(/blobContainerName: '([a-z0-9-]+)'/g)) {
        assert.ok(namesIn(storage).includes(container), `container ${container} does not exist`);
      }
    }
  });
});

describe('the settings of the template', () => {
  it('are all read: a member of that name is taken from the settings, or a trigger names it', () => {
    const code = globSync('functions/**/*.ts')
      .filter((path) => !path.replaceAll('\\', '/').endsWith('config/settings.ts'))
      .map((path) => readFileSync(path, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, ''))
      .join('\n');
    const ofApp = settingNames.filter((name) => settingMeta(name).reader !== 'host');
    assert.ok(ofApp.length > 20);
    for (const name of ofApp) {
      const read = new RegExp(`(?:\\.|\\['|[{,]\\s*)${name}\\b|%${name}%`);
      assert.match(code, read, `nothing reads ${name}`);
    }
  });
});

describe('the indexes of Cosmos DB', () => {
  /** Containers of the files whose name is not that of one. */
  const containersOf: Readonly<Record<string, readonly string[]>> = {
    'cosmos-fleet-acts': [cosmosContainers.jobs],
    'cosmos-dps-cas': [cosmosContainers.groups],
    'cosmos-under-ca': [cosmosContainers.devices],
    'cosmos-renewal-rate': [cosmosContainers.events],
  };

  const isIndexed = (container: string, path: string) => {
    const definition = containerDefinitions.find(({ id }) => id === container);
    assert.ok(definition, `there is no container ${container}`);
    const included = definition.indexingPolicy?.includedPaths?.map((each) => each.path);
    return path === 'id' || included === undefined || included.includes(`/${path.replaceAll('.', '/')}/?`);
  };

  it('have what each query sorts by: Cosmos DB refuses to sort by anything else', () => {
    let sorted = 0;
    for (const file of globSync('lib/azure/cosmos-*.ts')) {
      const name = file.replaceAll('\\', '/').split('/').at(-1)?.replace('.ts', '') ?? '';
      const code = readFileSync(file, 'utf8');
      const containers = containersOf[name] ?? [name.replace('cosmos-', '')];
      for (const [, path = ''] of code.matchAll(/(?:orderBy: ?'|ORDER BY )c\.([\w.]+)/g)) {
        sorted += 1;
        for (const container of containers)
          assert.ok(isIndexed(container, path), `${file} sorts ${container} by ${path}`);
      }
      // Each property takes an index of its own kind to sort by several.
      assert.doesNotMatch(code, /ORDER BY c\.[\w.]+(?: ASC| DESC)?, /, `${file} needs a composite index`);
    }
    assert.ok(sorted >= 5, `found ${sorted}`);
  });

  it('have what the outbox looks for, in each container that can owe events', () => {
    const code = readFileSync('lib/azure/cosmos-outbox.ts', 'utf8');
    const [, table = ''] = /const places[^=]*= \{([\s\S]*?)\n\};/.exec(code) ?? [];
    const places = [...table.matchAll(/\[cosmosContainers\.(\w+)\]: '(\w+)'/g)];
    assert.ok(places.length > 0);
    for (const [, container = '', key = ''] of places) {
      const name = (cosmosContainers as Readonly<Record<string, string>>)[container] ?? '';
      assert.ok(isIndexed(name, 'owedSince'), name);
      const definition = containerDefinitions.find(({ id }) => id === name);
      assert.deepEqual(definition?.partitionKey, { paths: [`/${key}`] }, name);
    }
  });

  it('is a container of the code behind each file of queries', () => {
    for (const file of globSync('lib/azure/cosmos-*.ts')) {
      if (!/\bc\./.test(readFileSync(file, 'utf8')) || file.endsWith('cosmos-outbox.ts')) continue;
      const name = file.replaceAll('\\', '/').split('/').at(-1)?.replace('.ts', '') ?? '';
      const containers = containersOf[name] ?? [name.replace('cosmos-', '')];
      for (const container of containers) {
        assert.ok((Object.values(cosmosContainers) as string[]).includes(container), `${file}: container ${container}`);
      }
    }
  });
});
