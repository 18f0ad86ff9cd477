import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { after, before, beforeEach, describe, it } from 'node:test';
import { CosmosClient } from '@azure/cosmos';
import { CredentialUnavailableError } from '@azure/identity';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { StorageSharedKeyCredential as QueueKey, QueueServiceClient } from '@azure/storage-queue';
import { type CheckedServices, createChecks } from '../../../lib/azure/health.ts';
import type { Check } from '../../../lib/azure/probe.ts';
import { FleetError } from '../../../lib/errors.ts';
import type { RootCa } from '../../../lib/groups/group.ts';
import { someTime } from '../../factories.ts';
import { someRoot } from '../pki/some-authority.ts';

const { certificatePem: rootPem } = await someRoot();

/** A server that answers every request with the refusal of a service. */
let refuse: (request: IncomingMessage, response: ServerResponse) => void;
const server = createServer((request, response) => refuse(request, response));
let origin = '';
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  origin = `http://127.0.0.1:${address.port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

const key = Buffer.from('key').toString('base64');
const noRetries = { retryOptions: { maxTries: 1 } };

function someAuthority(change: Partial<RootCa> = {}): CheckedServices['authority'] {
  const registration = { name: 'fleet-root', at: '2026-11-23T08:00:00.000Z' };
  const root: RootCa = { certificatePem: rootPem, keyName: 'root', registration, ...change };
  return {
    rootCa: async () => ({ value: root, etag: '1' }),
    checkKey: () => Promise.reject(new FleetError('ca-key-unusable', 'CA key "root" is deleted in the vault.')),
  };
}

const someDps = {
  name: 'default',
  host: 'fleet.azure-devices-provisioning.net',
  enrollments: { registration: async () => undefined },
};

function checked(changes: Partial<CheckedServices> = {}): CheckedServices {
  return {
    blobs: new BlobServiceClient(`${origin}/acct`, new StorageSharedKeyCredential('acct', key), noRetries),
    queues: new QueueServiceClient(`${origin}/acct`, new QueueKey('acct', key), noRetries),
    cosmos: new CosmosClient({ endpoint: origin, key }).database('fleet'),
    dps: [someDps],
    authority: someAuthority(),
    groups: { directory: async () => new Map() },
    dpsCas: { read: async () => undefined },
    now: () => someTime,
    hosts: { cosmos: '127.0.0.1', keys: 'fleet.vault.azure.net' },
    ...changes,
  };
}

async function check(name: string, services: CheckedServices, timeoutMs?: number): Promise<Check> {
  const found = (await createChecks(services, timeoutMs)()).find((candidate) => candidate.name === name);
  assert.ok(found, name);
  return found;
}

/** Storage has its error code in a header, since responses to HEAD have no body. */
function storageAnswer(status: number, code: string): typeof refuse {
  return (_, response) => {
    response.writeHead(status, { 'x-ms-error-code': code });
    response.end();
  };
}

describe('health checks', () => {
  beforeEach(() => {
    refuse = storageAnswer(404, 'ResourceNotFound');
  });

  it('name every container, every queue, DPS, the CA keys and the groups', async () => {
    const names = (await createChecks(checked())()).map(({ name }) => name);
    assert.equal(names.length, 5 + 7 + 7 + 3 + 1);
  });

  it('report a missing container and how to create it', async () => {
    refuse = storageAnswer(404, 'ContainerNotFound');
    const { ok, problem } = await check('blob container manifests', checked());
    assert.equal(ok, false);
    assert.match(
      problem ?? '',
      /^blob container manifests does not exist at 127\.0\.0\.1\. Deploy it \(azd provision\)/,
    );
  });

  it('name the missing role', async () => {
    refuse = storageAnswer(403, 'AuthorizationPermissionMismatch');
    const blob = await check('blob container bundles', checked());
    assert.match(blob.problem ?? '', /403 AuthorizationPermissionMismatch.*role "Storage Blob Data Owner"/);
    const queue = await check('queue chunks', checked());
    assert.match(queue.problem ?? '', /role "Storage Queue Data Contributor"/);
  });

  it('distinguish a firewall from a missing role', async () => {
    refuse = storageAnswer(403, 'AuthorizationFailure');
    const { problem } = await check('queue orders', checked());
    assert.equal(problem, 'queue orders: the network rules at 127.0.0.1 keep this app out (403 AuthorizationFailure).');
  });

  it('name the role when Cosmos DB refuses the identity', async () => {
    refuse = ({ url }, response) => {
      const json = { 'content-type': 'application/json' };
      if (url === '/') {
        const at = [{ name: 'here', databaseAccountEndpoint: `${origin}/` }];
        const consistency = { defaultConsistencyLevel: 'Session' };
        const account = {
          id: 'acct',
          writableLocations: at,
          readableLocations: at,
          userConsistencyPolicy: consistency,
        };
        response.writeHead(200, json).end(JSON.stringify(account));
      } else response.writeHead(403, json).end(JSON.stringify({ code: 'Forbidden', message: 'principal … RBAC' }));
    };
    const { problem } = await check('Cosmos container devices', checked());
    assert.match(problem ?? '', /refuses this app's identity \(403\).*role "Cosmos DB Built-in Data Contributor"/);
    assert.doesNotMatch(problem ?? '', /principal/, 'texts of services stay in the log');
  });

  it('find the refusal of DPS in the cause of a FleetError', async () => {
    const cause = { statusCode: 401, cause: new Error('UnauthorizedError') };
    const registration = () => Promise.reject(new FleetError('unavailable', 'DPS refuses.', { cause }));
    const { problem } = await check(
      'DPS service API',
      checked({ dps: [{ ...someDps, enrollments: { registration } }] }),
    );
    assert.match(problem ?? '', /\(401\)\. Give it the role "Device Provisioning Service Data Contributor"/);
  });

  it('name the setting whose host DNS does not know', async () => {
    const lost = Object.assign(new Error('getaddrinfo ENOTFOUND fleet.vault.azure.net'), { code: 'ENOTFOUND' });
    const checkKey = () => Promise.reject(new FleetError('unavailable', 'Key Vault.', { cause: lost }));
    const authority = { ...someAuthority(), checkKey };
    const { problem } = await check('CA keys and root certificate', checked({ authority }));
    assert.equal(
      problem,
      'DNS knows no host "fleet.vault.azure.net". Correct KEY_VAULT_URL, or the private DNS zone of the network.',
    );
  });

  it('report that no identity is assigned', async () => {
    const checkKey = () => Promise.reject(new CredentialUnavailableError('ManagedIdentityCredential: no endpoint'));
    const authority = { ...someAuthority(), checkKey };
    const { problem } = await check('CA keys and root certificate', checked({ authority }));
    assert.match(
      problem ?? '',
      /got no token \(CredentialUnavailableError\)\. Is the identity of AZURE_CLIENT_ID assigned/,
    );
  });

  it('fail after the timeout', async () => {
    refuse = () => {};
    const { problem } = await check('blob container reports', checked(), 50);
    assert.equal(
      problem,
      'blob container reports did not answer in 0.05 s. Does the network let this app through to 127.0.0.1?',
    );
  });

  it('report a missing CA key, and check none when the root key is kept elsewhere', async () => {
    const gone = await check('CA keys and root certificate', checked());
    assert.match(gone.problem ?? '', /"root" is deleted in the vault.*docs\/certificates\.md/);
    const offline = someAuthority({ keyName: undefined });
    assert.ok((await check('CA keys and root certificate', checked({ authority: offline }))).ok);
  });

  it('report a root that is not registered with DPS, and the command to register it', async () => {
    assert.ok((await check('root certificate in DPS', checked())).ok);
    const unknown = someAuthority({ registration: undefined });
    const { problem } = await check('root certificate in DPS', checked({ authority: unknown }));
    assert.match(problem ?? '', /not shown the root.*fleet ca register/);
  });
});

describe('the check of the EST server', () => {
  const ofEst = () => check('EST server', checked({ est: { url: origin } }));

  it('is there only if the deployment has one', async () => {
    const names = (await createChecks(checked())()).map(({ name }) => name);
    assert.ok(!names.includes('EST server'));
  });

  it('passes when a caller without a client certificate is refused', async () => {
    refuse = (_, response) => response.writeHead(403).end();
    assert.deepEqual(await ofEst(), {
      name: 'EST server',
      ok: true,
      note: 'It refuses a caller without a client certificate.',
    });
  });

  it('fails when such a caller is let in, sent elsewhere, or finds nothing', async () => {
    for (const status of [200, 302, 401, 404, 501]) {
      refuse = (_, response) => response.writeHead(status, { location: '/' }).end();
      const { ok, problem } = await ofEst();
      assert.equal(ok, false);
      assert.match(problem ?? '', new RegExp(`answered ${status} to a caller without a client certificate`));
    }
  });

  it('fails when no server listens', async () => {
    const found = await check('EST server', checked({ est: { url: 'http://127.0.0.1:9' } }));
    assert.equal(found.ok, false);
    assert.match(found.problem ?? '', /EST server (cannot be reached|failed)/);
  });
});
