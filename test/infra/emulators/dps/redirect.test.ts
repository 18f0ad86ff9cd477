import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { wellKnownKey } from 'fleet-emulators/dps';
import { startDps } from './running-dps.ts';

const redirect = join(import.meta.dirname, '../../../../infra/emulators/dps/redirect.cjs');

/** A program that was written for Azure. */
const program = `
  const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
  const { Registry } = require('azure-iothub');
  const at = (host, policy) => 'HostName=' + host + ';SharedAccessKeyName=' + policy + ';SharedAccessKey=${wellKnownKey}';
  const dps = ProvisioningServiceClient.fromConnectionString(at('fleet.azure-devices-provisioning.net', 'provisioningserviceowner'));
  const hub = Registry.fromConnectionString(at('hub-1.azure-devices.net', 'iothubowner'));
  (async () => {
    await dps.createOrUpdateIndividualEnrollment({ registrationId: 'r', attestation: { type: 'symmetricKey' } });
    await hub.create({ deviceId: 'd' });
    console.log((await dps.getIndividualEnrollment('r')).responseBody.registrationId, (await hub.getTwin('d')).responseBody.deviceId);
    process.exit(0);
  })();
`;

test('programs that use host names of Azure are redirected to the emulator', async () => {
  const names = ['fleet.azure-devices-provisioning.net', 'hub-1.azure-devices.net'];
  const dps = await startDps({
    serviceHostName: names[0],
    hubs: names.map((hostName) => ({ hostName, key: wellKnownKey })),
  });
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['--require', redirect, '-e', program], {
      timeout: 30_000,
      env: {
        ...process.env,
        NODE_EXTRA_CA_CERTS: dps.tls.caPath,
        DPS_EMULATOR: `localhost:${dps.port}`,
        DPS_EMULATOR_NAMES: names.join(','),
      },
    });
    assert.equal(stdout.trim(), 'r d');
  } finally {
    await dps.stop();
  }
});
