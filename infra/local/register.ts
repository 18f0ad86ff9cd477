import { readFile } from 'node:fs/promises';
import { errorText, runCommand } from '../tools/command-line.ts';
import { findBundles } from '../tools/find-bundles.ts';
import { registrableBundle } from './demo/bundle-files.ts';
import { registerDevice } from './demo/register-device.ts';
import { findStack } from './stack/running-stack.ts';
import { trustTls } from './stack/trust-tls.ts';

/*
 * `npm run register -- BUNDLE`: registers devices with DPS of the local stack, as their firmware does: with the official client
 * and the certificate and key of their bundles.
 */

const usage = `Usage: npm run register -- BUNDLE

Registers a device with DPS of the running local stack (npm start), with the certificate and key of its bundle, and prints the
hub that DPS assigns.

  BUNDLE       a downloaded bundle (.tar.gz), an unpacked one, or a folder of bundles
               Only bundles with a private key: key custody "plain", or a decrypted bundle of key custody "sealed"
  -h, --help   show this text

Exit codes: 0 every device is registered, 1 a device could not be registered, 2 invalid command line.

Example: npx fleet device bundle gw-000001
         npm run register -- gw-000001.tar.gz`;

await runCommand({ usage, operands: ['BUNDLE'] }, async ({ operands: [path = ''] }) => {
  const bundles = await findBundles(path);
  const { dps, caPath } = await findStack();
  trustTls(await readFile(caPath, 'utf8'));
  let failures = 0;
  for (const bundle of bundles) {
    try {
      const { deviceId, files } = await registrableBundle(await bundle.read());
      const hub = await registerDevice(deviceId, files, dps);
      process.stdout.write(`${deviceId} is registered. Its hub is ${hub}.\n`);
    } catch (error) {
      failures += 1;
      process.stderr.write(`error: ${bundle.path}: ${errorText(error)}\n`);
    }
  }
  return failures === 0 ? 0 : 1;
});
