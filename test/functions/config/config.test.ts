import 'reflect-metadata';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { ensureLocalTls } from 'fleet-emulators/tls';
import { type SettingName, settingMeta, settingNames } from '../../../functions/config/settings.ts';
import { readConfig, readEarlyConfig } from '../../../functions/config.ts';
import { FleetError } from '../../../lib/errors.ts';
import fc from '../../fast-check.ts';

const local = {
  AzureWebJobsStorage: 'UseDevelopmentStorage=true',
  COSMOS_ENDPOINT: 'http://localhost:8081',
  COSMOS_KEY: 'bG9jYWwga2V5',
  DPS_CONNECTION_STRING: 'HostName=localhost:8443;SharedAccessKeyName=provisioning;SharedAccessKey=c2VjcmV0',
  DPS_ID_SCOPE: '0ne00000000',
  DPS_GLOBAL_ENDPOINT: 'localhost:8443',
  HUB_CONNECTION_STRING: 'HostName=localhost:8443;SharedAccessKeyName=owner;SharedAccessKey=c2VjcmV0',
  CA_KEY_DIRECTORY: '.local/ca',
  AUDIT_KEY_DIRECTORY: '.local/audit',
  RECONCILE_SCHEDULE: '*/30 * * * * *',
} satisfies Partial<Record<SettingName, string>>;

const identity = '11111111-2222-4333-8444-555555555555';
const azure = {
  AzureWebJobsStorage__blobServiceUri: 'https://acct.blob.core.windows.net/',
  AzureWebJobsStorage__queueServiceUri: 'https://acct.queue.core.windows.net/',
  AzureWebJobsStorage__credential: 'managedidentity',
  AzureWebJobsStorage__clientId: identity,
  AZURE_CLIENT_ID: identity,
  COSMOS_ENDPOINT: 'https://acct.documents.azure.com:443/',
  DPS_SERVICE_HOST: 'fleet.azure-devices-provisioning.net',
  DPS_ID_SCOPE: '0ne00AB1234',
  KEY_VAULT_URL: 'https://fleet.vault.azure.net/',
  AUDIT_VAULT_URL: 'https://fleet-audit.vault.azure.net/',
  RECONCILE_SCHEDULE: '0 */10 * * * *',
} satisfies Partial<Record<SettingName, string>>;

/** One group more than DPS takes. */
const manyGroups = JSON.stringify({
  lines: { role: 'submitter', enrollmentGroups: Array.from({ length: 101 }, (_, index) => `line${index}`) },
});

function faultsOf(env: NodeJS.ProcessEnv): Map<string, string> {
  try {
    readConfig(env);
  } catch (error) {
    assert.ok(error instanceof FleetError);
    assert.equal(error.code, 'setting-invalid');
    return new Map(error.details.faults?.map(({ path, message }) => [path, message]));
  }
  return new Map();
}

describe('readConfig', () => {
  it('reads the local stack: connection strings, a key and a directory', () => {
    assert.deepEqual(readConfig(local), {
      storage: { connectionString: 'UseDevelopmentStorage=true' },
      cosmos: { endpoint: 'http://localhost:8081', key: 'bG9jYWwga2V5', database: 'fleet' },
      dps: {
        connectionString: local.DPS_CONNECTION_STRING,
        idScope: '0ne00000000',
        globalEndpoint: 'https://localhost:8443',
        operationsPerMinute: 1000,
      },
      hub: { connectionString: local.HUB_CONNECTION_STRING, registryOperationsPerMinute: 50, queriesPerMinute: 10 },
      keys: { directory: '.local/ca' },
      auditKeys: { directory: '.local/audit' },
      rootCaName: 'Fleet root CA',
      allowPlainKeys: false,
      privateUrls: 'none',
      events: { announceAssigned: false },
      chunkRows: 400,
      retention: {},
    });
  });

  it('reads Azure: endpoints and one identity, no secret', () => {
    assert.deepEqual(readConfig(azure), {
      storage: {
        blobServiceUri: 'https://acct.blob.core.windows.net',
        queueServiceUri: 'https://acct.queue.core.windows.net',
      },
      cosmos: { endpoint: 'https://acct.documents.azure.com:443', database: 'fleet' },
      dps: {
        serviceHost: 'fleet.azure-devices-provisioning.net',
        idScope: '0ne00AB1234',
        globalEndpoint: 'https://global.azure-devices-provisioning.net',
        operationsPerMinute: 1000,
      },
      hub: { registryOperationsPerMinute: 50, queriesPerMinute: 10 },
      keys: { vaultUrl: 'https://fleet.vault.azure.net', protection: 'software' },
      auditKeys: { vaultUrl: 'https://fleet-audit.vault.azure.net' },
      rootCaName: 'Fleet root CA',
      allowPlainKeys: false,
      privateUrls: 'none',
      events: { announceAssigned: false },
      chunkRows: 400,
      retention: {},
      identityClientId: identity,
    });
  });

  it('is frozen deeply', () => {
    const config = readConfig(local);
    assert.ok(Object.isFrozen(config) && Object.isFrozen(config.dps) && Object.isFrozen(config.storage));
  });

  it('names everything that is missing from an empty environment at once', () => {
    assert.deepEqual([...faultsOf({}).keys()].sort(), [
      'AUDIT_VAULT_URL',
      'AzureWebJobsStorage__blobServiceUri',
      'AzureWebJobsStorage__queueServiceUri',
      'COSMOS_ENDPOINT',
      'DPS_ID_SCOPE',
      'DPS_SERVICE_HOST',
      'KEY_VAULT_URL',
      'RECONCILE_SCHEDULE',
    ]);
  });

  it('reads a flag in upper and lower case', () => {
    assert.equal(readConfig({ ...azure, ALLOW_PLAIN_KEYS: 'True' }).allowPlainKeys, true);
    assert.equal(readConfig({ ...azure, ALLOW_PLAIN_KEYS: 'false' }).allowPlainKeys, false);
  });

  it('treats an empty setting as not set', () => {
    assert.equal(readConfig({ ...azure, COSMOS_KEY: '', CHUNK_ROWS: '' }).chunkRows, 400);
    assert.match(
      faultsOf({ ...azure, DPS_ID_SCOPE: '' }).get('DPS_ID_SCOPE') ?? '',
      /^is not set; expected an ID scope/,
    );
  });

  const wrong: [SettingName, string, RegExp][] = [
    ['COSMOS_ENDPOINT', 'http://acct.documents.azure.com', /expected an https URL/],
    ['COSMOS_ENDPOINT', 'https://user:pw@acct.documents.azure.com', /expected an https URL/],
    ['COSMOS_ENDPOINT', 'acct', /is "acct"; expected an https URL/],
    ['COSMOS_DATABASE', 'a/b', /without/],
    ['DPS_SERVICE_HOST', 'https://fleet.azure-devices-provisioning.net', /expected a host name/],
    ['DPS_ID_SCOPE', 'scope', /0ne00000000/],
    ['DPS_GLOBAL_ENDPOINT', 'ftp://x', /expected a host name or an https URL/],
    ['DPS_OPERATIONS_PER_MINUTE', '0', /1 to 100000/],
    ['DPS_OPERATIONS_PER_MINUTE', '1e3', /1 to 100000/],
    ['CHUNK_ROWS', '1001', /is "1001"; expected a whole number from 1 to 1000/],
    ['CHUNK_ROWS', '-1', /1 to 1000/],
    ['JOB_RETENTION_DAYS', '29', /30 to 36500/],
    ['SCRAPPED_DEVICE_RETENTION_DAYS', '0', /1 to 36500, or no value/],
    ['ALLOW_PLAIN_KEYS', 'yes', /true or false/],
    ['CA_KEY_PROTECTION', 'premium', /software or hsm/],
    ['ROOT_CA_NAME', 'x'.repeat(65), /1 to 64/],
    ['ROOT_CA_NAME', 'a\nb', /1 to 64/],
    ['RECONCILE_SCHEDULE', '*/10 * * * *', /six fields/],
    ['RECONCILE_SCHEDULE', '60 * * * * *', /six fields/],
    ['HTTP_ACCESS', 'anonymous', /keys or entra/],
    ['LOCAL_TRUST_PRINCIPAL_HEADER', 'yes', /true or false/],
    ['ALLOW_PRIVATE_URLS', 'true', /none, est or all/],
    ['GROUP_ROLES', 'line7', /expected JSON/],
    ['GROUP_ROLES', '[]', /expected JSON/],
    ['GROUP_ROLES', '{"line7": "submitter"}', /expected JSON/],
    ['GROUP_ROLES', '{"line7": {"role": "owner", "enrollmentGroups": ["line7"]}}', /expected JSON/],
    ['GROUP_ROLES', '{"line7": {"role": "submitter", "enrollmentGroups": []}}', /expected JSON/],
    ['GROUP_ROLES', '{"line7": {"role": "submitter", "enrollmentGroups": ["a,b"]}}', /expected JSON/],
    ['GROUP_ROLES', '{"submitter": {"role": "submitter", "enrollmentGroups": ["line7"]}}', /expected JSON/],
    ['GROUP_ROLES', manyGroups, /100 groups at most/],
    ['AZURE_CLIENT_ID', 'fleet-identity', /GUID/],
    ['AzureWebJobsStorage__credential', 'default', /expected managedidentity/],
    ['APPLICATIONINSIGHTS_AUTHENTICATION_STRING', 'Authorization=Key', /Authorization=AAD/],
  ];
  for (const [name, value, message] of wrong) {
    it(`names ${name} and what was expected when it is ${JSON.stringify(value.slice(0, 50))}`, () => {
      const faults = faultsOf({ ...azure, [name]: value });
      assert.match(faults.get(name) ?? '(no fault)', message);
    });
  }

  it('reports every fault in one error', () => {
    const faults = faultsOf({ ...azure, CHUNK_ROWS: '0', ALLOW_PLAIN_KEYS: 'maybe', KEY_VAULT_URL: undefined });
    assert.deepEqual([...faults.keys()].sort(), ['ALLOW_PLAIN_KEYS', 'CHUNK_ROWS', 'KEY_VAULT_URL']);
  });

  it('refuses two ways to reach one service, because it is not clear which one is used', () => {
    assert.match(
      faultsOf({ ...azure, AzureWebJobsStorage: local.AzureWebJobsStorage }).get('AzureWebJobsStorage') ?? '',
      /beside AzureWebJobsStorage__blobServiceUri and AzureWebJobsStorage__queueServiceUri/,
    );
    assert.match(
      faultsOf({ ...azure, CA_KEY_DIRECTORY: '/tmp/keys' }).get('CA_KEY_DIRECTORY') ?? '',
      /beside KEY_VAULT_URL/,
    );
    assert.ok(faultsOf({ ...azure, ...local }).has('DPS_CONNECTION_STRING'));
  });

  it('keeps records for as long as it says, and without a setting for ever', () => {
    const days = {
      ...{ SCRAPPED_DEVICE_RETENTION_DAYS: '3653', JOB_RETENTION_DAYS: '400' },
      ...{ DEAD_LETTER_RETENTION_DAYS: '365', FINDING_RETENTION_DAYS: '90' },
    };
    const expected = { scrappedDeviceDays: 3653, jobDays: 400, deadLetterDays: 365, findingDays: 90 };
    assert.deepEqual(readConfig({ ...azure, ...days }).retention, expected);
    assert.deepEqual(readConfig({ ...azure, JOB_RETENTION_DAYS: '' }).retention, {});
  });

  it('keeps CA keys in an HSM only where they are in a vault', () => {
    assert.deepEqual(readConfig({ ...azure, CA_KEY_PROTECTION: 'hsm' }).keys, {
      vaultUrl: 'https://fleet.vault.azure.net',
      protection: 'hsm',
    });
    assert.match(
      faultsOf({ ...local, CA_KEY_PROTECTION: 'hsm' }).get('CA_KEY_PROTECTION') ?? '',
      /CA keys are files \(CA_KEY_DIRECTORY\)/,
    );
    assert.deepEqual(readConfig({ ...local, CA_KEY_PROTECTION: 'software' }).keys, { directory: '.local/ca' });
  });

  it('refuses the place of the CA keys for the key of the audit trail', () => {
    const apart = /^is the place of \w+; keep the key of the audit trail apart$/;
    const vault = faultsOf({ ...azure, AUDIT_VAULT_URL: 'https://FLEET.vault.azure.net' });
    assert.match(vault.get('AUDIT_VAULT_URL') ?? '', apart);
    const directory = faultsOf({ ...local, AUDIT_KEY_DIRECTORY: './.local/x/../ca/' });
    assert.match(directory.get('AUDIT_KEY_DIRECTORY') ?? '', apart);
  });

  it('asks for the second endpoint of a storage account when one is set', () => {
    const faults = faultsOf({ ...azure, AzureWebJobsStorage__queueServiceUri: undefined });
    assert.deepEqual([...faults.keys()], ['AzureWebJobsStorage__queueServiceUri']);
  });

  it('requires one identity for host and app', () => {
    const other = '99999999-2222-4333-8444-555555555555';
    assert.ok(
      faultsOf({ ...azure, AzureWebJobsStorage__clientId: other })
        .get('AzureWebJobsStorage__clientId')
        ?.includes('AZURE_CLIENT_ID'),
    );
    assert.ok(
      faultsOf({ ...azure, AzureWebJobsStorage__credential: undefined }).has('AzureWebJobsStorage__credential'),
    );
  });

  const forged = { HTTP_ACCESS: 'entra' };
  const believed: [string, NodeJS.ProcessEnv][] = [
    [
      'in Azure with built-in authentication',
      { ...azure, ...forged, WEBSITE_SITE_NAME: 'func-fleet', WEBSITE_AUTH_ENABLED: 'True' },
    ],
    [
      'in Azure, where the deployment says that it turned built-in authentication on, and the platform says nothing',
      { ...azure, ...forged, WEBSITE_SITE_NAME: 'func-fleet', PLATFORM_SIGN_IN: 'true' },
    ],
    ['outside Azure, if the local setting says so', { ...local, ...forged, LOCAL_TRUST_PRINCIPAL_HEADER: 'true' }],
  ];
  for (const [where, env] of believed) {
    it(`believes the header of a signed-in user ${where}`, () => {
      assert.deepEqual(faultsOf(env), new Map());
      const { httpAccess, accessIssue } = readEarlyConfig(env);
      assert.deepEqual([httpAccess, accessIssue], ['entra', undefined]);
    });
  }

  const refused: [string, NodeJS.ProcessEnv, string, RegExp][] = [
    [
      'in Azure without built-in authentication',
      { ...azure, ...forged, WEBSITE_SITE_NAME: 'func-fleet' },
      'HTTP_ACCESS',
      /built-in authentication is off for this app; turn it on, or use keys/,
    ],
    [
      'on an instance of Azure that has no site name',
      { ...azure, ...forged, WEBSITE_POD_NAME: 'pod', WEBSITE_AUTH_ENABLED: 'false' },
      'HTTP_ACCESS',
      /built-in authentication is off/,
    ],
    [
      'in Azure, where the platform says that built-in authentication is off, whatever the deployment said',
      { ...azure, ...forged, WEBSITE_SITE_NAME: 'func-fleet', WEBSITE_AUTH_ENABLED: 'False', PLATFORM_SIGN_IN: 'true' },
      'HTTP_ACCESS',
      /built-in authentication is off/,
    ],
    [
      'outside Azure, whatever a setting for Azure says',
      { ...local, ...forged, PLATFORM_SIGN_IN: 'true' },
      'HTTP_ACCESS',
      /outside Azure/,
    ],
    [
      'outside Azure',
      { ...local, ...forged },
      'HTTP_ACCESS',
      /outside Azure, where any caller can forge its identity; use keys, or set LOCAL_TRUST_PRINCIPAL_HEADER=true/,
    ],
    [
      'outside Azure, where nothing but a setting says that built-in authentication is on',
      { ...local, ...forged, WEBSITE_AUTH_ENABLED: 'true' },
      'HTTP_ACCESS',
      /outside Azure/,
    ],
    [
      'if the local setting has another value than true',
      { ...local, ...forged, LOCAL_TRUST_PRINCIPAL_HEADER: 'false' },
      'HTTP_ACCESS',
      /outside Azure/,
    ],
    ...['WEBSITE_SITE_NAME', 'WEBSITE_INSTANCE_ID', 'WEBSITE_POD_NAME', 'WEBSITE_OWNER_NAME'].map(
      (marker): [string, NodeJS.ProcessEnv, string, RegExp] => [
        `if the local setting is used in Azure, shown by ${marker}`,
        { ...azure, ...forged, [marker]: 'x', WEBSITE_AUTH_ENABLED: 'True', LOCAL_TRUST_PRINCIPAL_HEADER: 'true' },
        'LOCAL_TRUST_PRINCIPAL_HEADER',
        /is true in Azure, .* remove the setting/,
      ],
    ),
  ];
  for (const [where, env, path, message] of refused) {
    it(`refuses every request ${where}`, () => {
      assert.match(faultsOf(env).get(path) ?? '(no fault)', message);
      const { accessIssue } = readEarlyConfig(env);
      assert.equal(accessIssue?.path, path);
      assert.match(accessIssue?.message ?? '', message);
    });
  }

  it('refuses limits to groups where callers use keys, which have none', () => {
    const GROUP_ROLES = JSON.stringify({ 'line7-reader': { role: 'reader', enrollmentGroups: ['line7'] } });
    assert.match(faultsOf({ ...azure, GROUP_ROLES }).get('GROUP_ROLES') ?? '', /set HTTP_ACCESS=entra, or remove it/);
    assert.deepEqual(faultsOf({ ...azure, GROUP_ROLES: '{}' }), new Map());
  });

  it('refuses URLs at any private address in Azure', () => {
    assert.equal(readConfig({ ...local, ALLOW_PRIVATE_URLS: 'all' }).privateUrls, 'all');
    const inAzure = { ...azure, WEBSITE_SITE_NAME: 'func-fleet' };
    assert.equal(readConfig({ ...inAzure, ALLOW_PRIVATE_URLS: 'est' }).privateUrls, 'est');
    assert.match(
      faultsOf({ ...inAzure, ALLOW_PRIVATE_URLS: 'all' }).get('ALLOW_PRIVATE_URLS') ?? '',
      /use est or none/,
    );
  });

  it('never shows a secret that is wrong', () => {
    const secrets = settingNames.filter((name) => settingMeta(name).secret);
    assert.deepEqual(secrets.sort(), [
      'AzureWebJobsStorage',
      'COSMOS_KEY',
      'DPS_CONNECTION_STRING',
      'DPS_INSTANCES',
      'HUB_CONNECTION_STRING',
    ]);
    fc.assert(
      fc.property(fc.constantFrom(...secrets), fc.stringMatching(/^[g-z]{12,40}$/), (name, value) => {
        try {
          readConfig({ ...azure, [name]: `!${value}` });
          assert.fail('accepted');
        } catch (error) {
          assert.ok(error instanceof FleetError, String(error));
          assert.ok(!JSON.stringify([error.message, error.details]).includes(value));
        }
      }),
    );
  });

  it('returns a config or throws a FleetError, for any environment', () => {
    const env = fc.dictionary(fc.constantFrom<string>(...settingNames), fc.string({ unit: 'binary' }));
    fc.assert(
      fc.property(env, (given) => {
        faultsOf({ ...azure, ...given });
      }),
    );
  });
});

describe('the EST server', () => {
  const directory = mkdtempSync(join(tmpdir(), 'est-config-'));
  const file = join(directory, 'ca.pem');
  after(() => rmSync(directory, { recursive: true }));

  it('is absent, or has an address without a path', () => {
    assert.equal(readConfig(local).est, undefined);
    assert.deepEqual(readConfig({ ...azure, EST_URL: 'https://est.example.com/' }).est, {
      url: 'https://est.example.com',
    });
    for (const url of ['https://est.example.com/x', 'http://est.example.com', 'est.example.com', 'https://a@b.example'])
      assert.match(faultsOf({ ...azure, EST_URL: url }).get('EST_URL') ?? '', /expected an https URL/, url);
  });

  it('is trusted by a file with a certificate, and not by anything else', async () => {
    const { caPem, caPath } = await ensureLocalTls({ directory: join(directory, 'tls') });
    const set = { ...local, EST_URL: 'https://localhost:7443' };
    assert.equal(readConfig({ ...set, EST_TRUSTED_CA_FILE: caPath }).est?.trustedCaPem, caPem);
    const fault = (env: NodeJS.ProcessEnv) => faultsOf(env).get('EST_TRUSTED_CA_FILE') ?? '';
    assert.match(fault({ ...set, EST_TRUSTED_CA_FILE: file }), /is not a file with a certificate/);
    writeFileSync(file, 'text');
    assert.match(fault({ ...set, EST_TRUSTED_CA_FILE: file }), /is not a file with a certificate/);
    assert.match(fault({ ...local, EST_TRUSTED_CA_FILE: caPath }), /without EST_URL/);
  });
});

describe('the blobs of the data', () => {
  it('are in the account of the host, or in another one', () => {
    const uri = (env: NodeJS.ProcessEnv) => {
      const { storage } = readConfig(env);
      return 'blobServiceUri' in storage ? storage.blobServiceUri : undefined;
    };
    assert.equal(uri(azure), 'https://acct.blob.core.windows.net');
    const other = 'https://data.blob.core.windows.net';
    assert.equal(uri({ ...azure, DATA_BLOB_SERVICE_URI: other }), other);
  });
});

describe('readEarlyConfig', () => {
  it('takes only the exact value "entra" for signed-in users', () => {
    const accessOf = (env: Record<string, string>) => readEarlyConfig(env).httpAccess;
    assert.equal(accessOf({}), 'keys');
    assert.equal(accessOf({ HTTP_ACCESS: 'keys' }), 'keys');
    assert.equal(accessOf({ HTTP_ACCESS: 'Entra' }), 'keys');
    assert.equal(accessOf({ HTTP_ACCESS: 'entra' }), 'entra');
  });

  it('reads the roles that are limited to groups, and reads none of a wrong setting', () => {
    const line7 = { role: 'submitter', enrollmentGroups: ['line7'] };
    const GROUP_ROLES = JSON.stringify({ 'line7-submitter': line7 });
    assert.deepEqual([...readEarlyConfig({ GROUP_ROLES }).groupRoles], [['line7-submitter', line7]]);
    for (const wrong of ['', '{', '{"a":1}', manyGroups]) {
      assert.equal(readEarlyConfig({ GROUP_ROLES: wrong }).groupRoles.size, 0, wrong.slice(0, 20));
    }
    const inherited = readEarlyConfig({ GROUP_ROLES: `{"__proto__": ${JSON.stringify(line7)}}` }).groupRoles;
    assert.equal(inherited.get('toString'), undefined);
  });

  it('sends telemetry to Azure, to the console or nowhere', () => {
    const connection = 'InstrumentationKey=00000000-0000-4000-8000-000000000000';
    const to = (env: Record<string, string>) => readEarlyConfig(env).telemetry?.to;
    assert.equal(to({}), undefined);
    assert.equal(to({ TELEMETRY: 'console' }), 'console');
    assert.equal(to({ APPLICATIONINSIGHTS_CONNECTION_STRING: connection }), 'azure');
    assert.equal(to({ APPLICATIONINSIGHTS_CONNECTION_STRING: connection, TELEMETRY: 'off' }), undefined);
    assert.equal(to({ APPLICATIONINSIGHTS_CONNECTION_STRING: connection, TELEMETRY: 'console' }), 'console');
  });
});

describe('the settings', () => {
  it('each have a description and an expected value', () => {
    for (const name of settingNames) {
      const { description, expected } = settingMeta(name);
      assert.ok(description.length > 20 && description.endsWith('.'), name);
      assert.ok(expected.length > 3 && !expected.endsWith('.'), name);
    }
  });
});
