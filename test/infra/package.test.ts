import assert from 'node:assert/strict';
import { cpSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { loadApp } from '../../infra/measure-load.ts';
import { addDigest, packageApp } from '../../infra/package-app.ts';
import { thirdPartyOf } from '../../infra/third-party.ts';
import type { LoadedApp } from '../../infra/tools/load-app.ts';
import { operationIds } from '../operation.ts';

/** Every function with its trigger, as the portal lists it. Routes of the API are below `api/`. */
const expected: Record<string, string> = {
  'ingest-manifest': 'queue manifest-uploads',
  'ingest-order': 'queue orders',
  'provision-chunk': 'queue chunks',
  'enroll-individuals': 'queue individual-enrollments',
  'record-dead-letter-manifest-uploads': 'queue manifest-uploads-poison',
  'record-dead-letter-orders': 'queue orders-poison',
  'record-dead-letter-chunks': 'queue chunks-poison',
  'record-dead-letter-individual-enrollments': 'queue individual-enrollments-poison',
  'settle-blocks': 'queue device-blocks',
  'record-dead-letter-device-blocks': 'queue device-blocks-poison',
  'reconcile-registrations': 'timer %RECONCILE_SCHEDULE%',
  // The schedule of a package whose environment does not have the setting.
  sweep: 'timer 0 0 1 * * *',
  'continue-sweep': 'timer %RECONCILE_SCHEDULE%',
  'sequence-audit': 'timer 0 * * * * *',
  'deliver-events': 'queue event-deliveries',
  'record-dead-letter-event-deliveries': 'queue event-deliveries-poison',
  'send-events': 'timer 30 * * * * *',
  'submit-job': 'POST jobs',
  'create-upload': 'POST uploads',
  'get-upload': 'GET uploads/{uploadId}',
  'list-jobs': 'GET jobs',
  'get-job': 'GET jobs/{jobId}',
  'get-job-errors': 'GET jobs/{jobId}/errors',
  'get-job-results': 'GET jobs/{jobId}/results',
  'cancel-job': 'POST jobs/{jobId}/cancel',
  'retry-job': 'POST jobs/{jobId}/retry',
  'list-devices': 'GET devices',
  'create-check': 'POST checks',
  'delete-device': 'DELETE devices/{deviceId}',
  'delete-enrollment-group': 'DELETE enrollment-groups/{id}',
  'discard-dead-letters': 'POST dead-letters/discard',
  'get-dead-letter': 'GET dead-letters/{letterId}',
  'get-job-error-summary': 'GET jobs/{jobId}/errors/summary',
  'get-summary': 'GET summary',
  'get-renewals': 'GET renewals',
  'get-reissue-list': 'GET renewals/list',
  'get-device': 'GET devices/{deviceId}',
  'get-device-bundle': 'GET devices/{deviceId}/bundle',
  'suspend-enrollment-group': 'POST enrollment-groups/{id}/suspend',
  'restore-enrollment-group': 'POST enrollment-groups/{id}/restore',
  'list-device-acts': 'GET device-acts',
  'begin-device-act': 'POST device-acts',
  'get-device-act': 'GET device-acts/{actId}',
  'cancel-device-act': 'POST device-acts/{actId}/cancel',
  'list-certificates': 'GET certificates',
  'list-certificate-authorities': 'GET certificate-authorities',
  'get-certificate-authority': 'GET certificate-authorities/{serial}',
  'list-certificate-authority-devices': 'GET certificate-authorities/{serial}/devices',
  'get-certificate-authority-reissue-list': 'GET certificate-authorities/{serial}/reissue-list',
  'block-certificate-authority': 'POST certificate-authorities/{serial}/block',
  'suspend-device': 'POST devices/{deviceId}/suspend',
  'revoke-device': 'POST devices/{deviceId}/revoke',
  'restore-device': 'POST devices/{deviceId}/restore',
  'list-enrollment-groups': 'GET enrollment-groups',
  'get-enrollment-group': 'GET enrollment-groups/{id}',
  'put-enrollment-group': 'PUT enrollment-groups/{id}',
  'rotate-allocation-key': 'POST enrollment-groups/{id}/allocation-key',
  'allocate-device': 'POST allocations/{group}',
  'roll-over-enrollment-group': 'POST enrollment-groups/{id}/rollover',
  'get-group-rollover': 'GET enrollment-groups/{id}/rollover',
  'complete-group-rollover': 'POST enrollment-groups/{id}/rollover/complete',
  'list-audit-entries': 'GET audit',
  'list-findings': 'GET findings',
  'get-finding': 'GET findings/{findingId}',
  'repair-finding': 'POST findings/{findingId}/repair',
  'accept-finding': 'POST findings/{findingId}/accept',
  'list-dead-letters': 'GET dead-letters',
  'redrive-dead-letters': 'POST dead-letters/redrive',
  'create-webhook': 'POST webhooks',
  'list-webhooks': 'GET webhooks',
  'get-webhook': 'GET webhooks/{webhookId}',
  'delete-webhook': 'DELETE webhooks/{webhookId}',
  'rotate-webhook-secret': 'POST webhooks/{webhookId}/rotate-secret',
  'enable-webhook': 'POST webhooks/{webhookId}/enable',
  'test-webhook': 'POST webhooks/{webhookId}/test',
  'list-event-deliveries': 'GET webhooks/{webhookId}/deliveries',
  health: 'GET health',
  'get-openapi': 'GET openapi.json',
  'get-me': 'GET me',
  console: 'GET,HEAD console/{*path}',
  root: 'GET,HEAD {ignored:maxlength(0)?}',
};

/** The files of the console, which hold no data. */
const consoleFiles = ['console', 'root'];
/** The host asks for no key: the console has no data, and of DPS the app itself checks the key. */
const open = [...consoleFiles, 'allocate-device'];

/** All functions of the EST server: its callers need a client certificate, and those of the API have none. */
const expectedEst: Record<string, string> = {
  cacerts: 'GET .well-known/est/{label}/cacerts',
  simpleenroll: 'POST .well-known/est/{label}/simpleenroll',
  simplereenroll: 'POST .well-known/est/{label}/simplereenroll',
  csrattrs: 'GET .well-known/est/{label}/csrattrs',
};

function triggersOf({ functions }: LoadedApp): Record<string, string> {
  const triggers = functions.map(({ name, bindings }) => {
    const trigger = bindings.find(({ type, direction }) => direction === 'in' && type.endsWith('Trigger'));
    assert.ok(trigger, `${name} has no trigger`);
    const { type, methods, route, queueName, connection, schedule } = trigger;
    if (type === 'httpTrigger') {
      assert.equal(String(route).startsWith('api/'), !consoleFiles.includes(name), name);
      return [name, `${methods} ${String(route).replace('api/', '')}`];
    }
    if (type === 'timerTrigger') return [name, `timer ${schedule}`];
    assert.equal(connection, 'AzureWebJobsStorage', name);
    return [name, `queue ${queueName}`];
  });
  return Object.fromEntries(triggers);
}

function authLevelsOf({ functions }: LoadedApp): Map<string, unknown> {
  const http = functions.flatMap(({ name, bindings }) =>
    bindings.filter(({ type }) => type === 'httpTrigger').map(({ authLevel }) => [name, authLevel] as const),
  );
  return new Map(http);
}

describe('the package', () => {
  // Outside the project, so that imports find only the package.
  const directory = mkdtempSync(join(tmpdir(), 'fleet-package-'));
  const { PATH } = process.env;

  before(() => packageApp(directory));
  after(() => rmSync(directory, { recursive: true }));

  it('contains what the worker needs and nothing else', () => {
    assert.deepEqual(readdirSync(directory).sort(), [
      'LICENSE',
      'THIRD-PARTY-NOTICES.txt',
      'bom.cdx.json',
      'dist',
      'host.json',
      'package.json',
    ]);
    const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
    assert.equal(manifest.main, 'dist/functions/*.js');
    assert.equal(manifest.type, 'module');
    assert.deepEqual(
      Object.keys(manifest).filter((name) => /dependencies|scripts/i.test(name)),
      [],
    );
    const files = readdirSync(join(directory, 'dist'), { recursive: true, withFileTypes: true });
    const names = files.filter((entry) => entry.isFile()).map(({ name, parentPath }) => [name, parentPath] as const);
    for (const [name, folder] of names) {
      assert.match(
        name,
        /console/.test(folder) ? /^(index\.html|(main|style)-[A-Z0-9]+\.(js|css)(\.br|\.gz)?)$/ : /\.js(\.map)?$/,
      );
    }
  });

  it('has a digest of what runs, which changes with any of it', async () => {
    const digestIn = (folder: string) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).packageDigest;
    const digest = digestIn(directory);
    assert.match(digest, /^[0-9a-f]{16}$/);
    const copy = mkdtempSync(join(tmpdir(), 'fleet-package-'));
    try {
      cpSync(directory, copy, { recursive: true });
      await addDigest(copy);
      assert.equal(digestIn(copy), digest, 'the digest itself does not count');
      const files = ['host.json', ...globSync('dist/{functions,console}/*.{js,html}', { cwd: copy })];
      assert.ok(files.length >= 3);
      for (const file of files) {
        const content = readFileSync(join(copy, file));
        writeFileSync(join(copy, file), Buffer.concat([content, Buffer.from('\n')]));
        await addDigest(copy);
        assert.notEqual(digestIn(copy), digest, file);
        writeFileSync(join(copy, file), content);
      }
    } finally {
      rmSync(copy, { recursive: true });
    }
  });

  it('reads its digest from its own package.json', () => {
    const paths = globSync('dist/{functions,chunks}/*.js', { cwd: directory }).map((path) => join(directory, path));
    const readers = paths.flatMap((path) => {
      const code = readFileSync(path, 'utf8');
      const named = [...code.matchAll(/new URL\("([^"]*package\.json)", import\.meta\.url\)/g)];
      return named.map(([, name = '']) => fileURLToPath(new URL(name, pathToFileURL(path))));
    });
    assert.deepEqual([...new Set(readers)], [join(directory, 'package.json')]);
  });

  /** Names of the packages in node_modules whose code is in the bundle: esbuild writes the path of each file above its code. */
  function bundledPackages(): string[] {
    const names = globSync('dist/**/*.js', { cwd: directory }).flatMap((path) => {
      const code = readFileSync(join(directory, path), 'utf8');
      return [...code.matchAll(/^ *\/\/ .*node_modules\/((?:@[\w.-]+\/)?[\w.-]+)\/[^\n]*\.\w+$/gm)].map(
        ([, name]) => name ?? '',
      );
    });
    // The console is minified, so its files do not name their sources.
    return [...new Set([...names, 'lit-html'])].sort();
  }

  it('has the license text of every library in it', () => {
    const text = readFileSync(join(directory, 'THIRD-PARTY-NOTICES.txt'), 'utf8');
    const parts = text.split(`\n\n${'-'.repeat(80)}\n\n`).slice(1);
    const names = parts.map((part) => /^(\S+) \d[^ ]* \(.+\)\n\n/.exec(part)?.[1] ?? part.slice(0, 60));
    assert.ok(names.length > 30);
    assert.deepEqual([...new Set(names)].sort(), bundledPackages());
    for (const part of parts) assert.match(part, /copyright|permission/i, part.slice(0, 60));
  });

  it('has a bill of materials with every library in it, its version, license and digest', () => {
    const text = readFileSync(join(directory, 'bom.cdx.json'), 'utf8');
    const { bomFormat, specVersion, components } = JSON.parse(text);
    assert.deepEqual([bomFormat, specVersion], ['CycloneDX', '1.5']);
    const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')).packages;
    for (const { name, version, purl, licenses, hashes } of components) {
      const locked = Object.entries<{ version: string; integrity: string }>(lock).filter(([path]) =>
        path.endsWith(`node_modules/${name}`),
      );
      const integrity = locked.map(([, each]) => each).find((each) => each.version === version)?.integrity;
      assert.equal(purl, `pkg:npm/${name.replace('@', '%40')}@${version}`);
      assert.equal(licenses.length, 1, name);
      assert.equal(`sha512-${Buffer.from(hashes[0].content, 'hex').toString('base64')}`, integrity, name);
    }
    const refs = components.map((each: Record<string, string>) => each['bom-ref']);
    assert.equal(new Set(refs).size, refs.length, 'a reference names one component');
    const names = components.map(({ name }: { name: string }) => name);
    assert.deepEqual([...new Set(names)].sort(), bundledPackages());
  });

  it('is the same, byte for byte, when it is made again from the same code', async () => {
    const again = mkdtempSync(join(tmpdir(), 'fleet-package-'));
    try {
      await packageApp(again);
      for (const file of globSync('**/*.*', { cwd: directory })) {
        assert.ok(readFileSync(join(directory, file)).equals(readFileSync(join(again, file))), file);
      }
    } finally {
      rmSync(again, { recursive: true });
    }
  });

  it('is not made when the license of a library is unknown', async () => {
    const none = join('dist', 'unlicensed', 'node_modules', 'unlicensed');
    mkdirSync(none, { recursive: true });
    try {
      writeFileSync(join(none, 'package.json'), '{"name": "unlicensed", "version": "1.0.0"}');
      await assert.rejects(thirdPartyOf([join(none, 'index.js')]), /No license text was found for unlicensed/);
    } finally {
      rmSync('dist/unlicensed', { recursive: true });
    }
  });

  // `import { z } from 'zod'` includes the messages in every language: half a megabyte to compile at each cold start.
  // `import * as z` includes only what is used.
  it('contains no translations', () => {
    const scripts = globSync('dist/**/*.js', { cwd: directory });
    const found = scripts.flatMap((path) =>
      [...readFileSync(join(directory, path), 'utf8').matchAll(/\/zod\/v4\/locales\/([\w-]+)\.js$/gm)].map(
        ([, locale]) => locale,
      ),
    );
    assert.deepEqual([...new Set(found)], ['en']);
  });

  it('registers every function with its trigger, with keys for callers', async () => {
    const loaded = await loadApp(directory, { PATH });
    assert.deepEqual(triggersOf(loaded), expected);
    const levels = authLevelsOf(loaded);
    assert.deepEqual([...levels.keys()].sort(), [...operationIds, ...open].sort());
    for (const [name, level] of levels) assert.equal(level, open.includes(name) ? 'anonymous' : 'function', name);
  });

  it('leaves authentication to the platform if the setting says so', async () => {
    const levels = authLevelsOf(await loadApp(directory, { PATH, HTTP_ACCESS: 'entra' }));
    for (const [name, level] of levels) assert.equal(level, 'anonymous', name);
  });

  it('loads without settings, and with telemetry, so that invalid settings can be reported by name later', async () => {
    const connection = 'InstrumentationKey=00000000-0000-4000-8000-000000000000';
    const loaded = await loadApp(directory, { PATH, APPLICATIONINSIGHTS_CONNECTION_STRING: connection });
    assert.deepEqual(triggersOf(loaded), expected);
  });
});

describe('the package of the EST server', () => {
  const directory = mkdtempSync(join(tmpdir(), 'fleet-package-est-'));
  const { PATH } = process.env;

  before(() => packageApp(directory, 'est'));
  after(() => rmSync(directory, { recursive: true }));

  it('contains what the worker needs, without the console', () => {
    const parts = ['LICENSE', 'THIRD-PARTY-NOTICES.txt', 'bom.cdx.json', 'dist', 'host.json', 'package.json'];
    assert.deepEqual(readdirSync(directory).sort(), parts);
    assert.deepEqual(readdirSync(join(directory, 'dist')).sort(), ['chunks', 'functions']);
    const { extensions } = JSON.parse(readFileSync(join(directory, 'host.json'), 'utf8'));
    assert.equal(extensions.http.routePrefix, '');
  });

  it('registers its four operations, open to the host, and shares no function with the API', async () => {
    const loaded = await loadApp(directory, { PATH, HTTP_ACCESS: 'keys' });
    const triggers = loaded.functions.map(({ name, bindings }) => {
      const trigger = bindings.find(({ direction }) => direction === 'in');
      assert.equal(trigger?.type, 'httpTrigger', name);
      assert.equal(trigger['authLevel'], 'anonymous', name);
      return [name, `${trigger['methods']} ${trigger['route']}`];
    });
    assert.deepEqual(Object.fromEntries(triggers), expectedEst);
    assert.deepEqual(
      Object.keys(expectedEst).filter((name) => name in expected),
      [],
    );
  });

  it('does not stream: with streams, a caller could replace the header that says who it is', () => {
    const scripts = globSync('dist/functions/*.js', { cwd: directory });
    for (const path of scripts) {
      assert.doesNotMatch(readFileSync(join(directory, path), 'utf8'), /app\.setup\(|enableHttpStream: true/);
    }
  });
});
