import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:https';
import type { LookupFunction } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Http as HttpBase } from 'azure-iot-http-base';
import provisioning from 'azure-iot-provisioning-device';
import { Http } from 'azure-iot-provisioning-device-http';
import { X509Security } from 'azure-iot-security-x509';
import { readBundle, unpackBundle } from '../../../infra/local/demo/bundle-files.ts';
import { readBundle as readStored } from '../../../lib/bundle/archive.ts';
import { readDpsDeviceConfig } from '../../../lib/bundle/device-json.ts';
import { startDriftFleet } from '../pipeline/drift/drift-fleet.ts';
import { request } from './request.ts';
import { someBundler } from './some-bundle.ts';

/*
 * device.json as the device SDKs take it: Node.js with the official client, which registers; Python and C by the programs of
 * docs/bundles.md.
 */

const page = readFileSync(new URL('../../../docs/bundles.md', import.meta.url), 'utf8');
const programOf = (language: string) =>
  new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(page)?.[1] ?? assert.fail(language);

function someDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'device-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** A bundle for a device without IoT Edge, unpacked. */
async function unpacked(t: TestContext, input: Parameters<typeof someBundler>[0] = {}) {
  const { bundle } = await someBundler({ target: 'dps-device', ...input });
  const directory = someDirectory(t);
  const csr = input.keyCustody === 'device' ? request('gw-1') : undefined;
  await unpackBundle(await readBundle(await bundle('gw-1', csr)), directory);
  return { directory, device: JSON.parse(readFileSync(join(directory, 'device.json'), 'utf8')) };
}

describe('device.json', () => {
  it('has a host name, and paths of files that are there', async (t) => {
    const { directory, device } = await unpacked(t);
    assert.deepEqual(device, {
      provisioningHost: 'global.azure-devices-provisioning.net',
      idScope: '0ne00000000',
      registrationId: 'gw-1',
      certFile: 'certs/device-identity.full-chain.pem',
      keyFile: 'secrets/device-identity.key.pem',
    });
    for (const path of [device.certFile, device.keyFile]) assert.ok(existsSync(join(directory, path)), path);
  });

  it('names a key that the device keeps, by its path or the URI of its token', async (t) => {
    const inFile = await unpacked(t, { keyCustody: 'device', keyUri: 'file:///var/keys/a.pem' });
    assert.equal(inFile.device.keyFile, '/var/keys/a.pem');
    const onToken = await unpacked(t, { keyCustody: 'device', keyUri: 'pkcs11:object=b' });
    assert.deepEqual([onToken.device.keyUri, onToken.device.keyFile], ['pkcs11:object=b', undefined]);
  });

  it('is read with the names of earlier versions too, and refused with any other', () => {
    const former = {
      globalEndpoint: 'https://global.azure-devices-provisioning.net',
      ...{ idScope: '0ne1', registrationId: 'gw-1', certificate: 'c.pem', privateKey: 'k.pem', rootCa: 'r.pem' },
    };
    const config = { registrationId: 'gw-1', certificate: 'c.pem', key: 'k.pem' };
    assert.deepEqual(readDpsDeviceConfig(JSON.stringify(former)), { config });
    const present = { provisioningHost: 'h.example', idScope: '0ne1', registrationId: 'gw-1', certFile: 'c.pem' };
    assert.deepEqual(readDpsDeviceConfig(JSON.stringify({ ...present, keyFile: 'k.pem' })), { config });
    const faultsOf = (document: unknown) => {
      const read = readDpsDeviceConfig(typeof document === 'string' ? document : JSON.stringify(document));
      return 'faults' in read ? read.faults.join() : assert.fail(JSON.stringify(document));
    };
    assert.match(faultsOf(present), /keyFile: expected either keyFile or keyUri/);
    for (const provisioningHost of ['https://h.example', 'h.example/', '', 'h_example'])
      assert.match(faultsOf({ ...present, keyFile: 'k.pem', provisioningHost }), /^provisioningHost: expected a host/);
    assert.match(faultsOf({ ...present, keyFile: 'k.pem', rootCa: 'r.pem' }), /rootCa/);
    assert.equal(faultsOf('{'), 'not JSON');
  });

  it('registers a device with the client of Node.js', async (t) => {
    const fleet = await startDriftFleet();
    t.after(() => fleet.stop());
    const { world, dps } = fleet;
    await world.declare('line7', { keyCustody: 'plain', target: 'dps-device' });
    // The root is known to DPS once a device was provisioned.
    await fleet.provision('deviceId,enrollmentGroup\ngw-1,line7\n');
    const { bundle } = world.devices.records.get('gw-1') ?? {};
    const directory = someDirectory(t);
    await unpackBundle(await readBundle(await readStored(world.bundles, bundle ?? assert.fail())), directory);

    const asked: string[] = [];
    const lookup: LookupFunction = (host, options, answer) => {
      asked.push(host);
      if (options.all) answer(null, [{ address: '127.0.0.1', family: 4 }]);
      else answer(null, '127.0.0.1', 4);
    };
    // The emulator is on this machine, with a certificate for localhost.
    const agent = new Agent({ port: dps.port, lookup, servername: 'localhost', keepAlive: false });
    const base = new HttpBase();
    base.setOptions({ http: { agent } });
    const transport = new Http(base as unknown as ConstructorParameters<typeof Http>[0]);

    // As in docs/bundles.md.
    const read = (path: string) => readFileSync(join(directory, path), 'utf8');
    const { provisioningHost, idScope, registrationId, certFile, keyFile } = JSON.parse(read('device.json'));
    const security = new X509Security(registrationId, { cert: read(certFile), key: read(keyFile) });
    const client = provisioning.ProvisioningDeviceClient.create(provisioningHost, idScope, transport, security);
    const result = await client.register();
    assert.equal(
      result?.assignedHub,
      fleet.hubs.find((hub) => hub === result?.assignedHub),
    );
    assert.deepEqual([...new Set(asked)], ['global.azure-devices-provisioning.net']);
    for (const call of ['ProvisioningDeviceClient.create(provisioningHost, idScope,', 'X509Security(registrationId,'])
      assert.ok(programOf('js').includes(call), call);
  });

  it('is taken by the client of Python as it is', async (t) => {
    if (spawnSync('python3', ['-c', 'import ssl']).status !== 0) return t.skip('python3 is not installed');
    const { directory, device } = await unpacked(t);
    // As azure-iot-device uses its arguments: it resolves the host, and loads the two files into the context of its TLS.
    mkdirSync(join(directory, 'azure/iot/device'), { recursive: true });
    for (const folder of ['azure', 'azure/iot']) writeFileSync(join(directory, folder, '__init__.py'), '');
    writeFileSync(join(directory, 'azure/iot/device/__init__.py'), pythonClient);
    writeFileSync(join(directory, 'register.py'), `${programOf('python')}\n`);
    const { status, stdout, stderr } = spawnSync('python3', ['register.py'], { cwd: directory, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const { provisioningHost, registrationId, idScope } = device;
    assert.deepEqual(JSON.parse(stdout), [provisioningHost, registrationId, idScope]);
  });

  it('is taken by the client of C as it is', async (t) => {
    const { device } = await unpacked(t);
    const program = programOf('c');
    const taken = [...program.matchAll(/json_object_get_string\(device, "(\w+)"\)/g)].map(([, name = '']) => name);
    assert.deepEqual(taken, ['provisioningHost', 'idScope']);
    for (const name of [...taken, ...(program.match(/(?<=: )(?:registrationId|certFile|keyFile)\b/g) ?? [])])
      assert.equal(typeof device[name], 'string', name);
    // The C client puts the host into the URI that it makes.
    assert.match(device.provisioningHost, /^[\w.-]+$/);
  });
});

const pythonClient = `
import json, ssl
class X509:
    def __init__(self, cert_file, key_file, pass_phrase=None):
        self.certificate_file, self.key_file = cert_file, key_file
class ProvisioningDeviceClient:
    @classmethod
    def create_from_x509_certificate(cls, provisioning_host, registration_id, id_scope, x509, **kwargs):
        client = cls()
        client.given = [provisioning_host, registration_id, id_scope]
        assert "/" not in provisioning_host and ":" not in provisioning_host
        ssl.create_default_context().load_cert_chain(certfile=x509.certificate_file, keyfile=x509.key_file)
        return client
    def register(self):
        print(json.dumps(self.given))
`;
