import { type BundleOptions, bundlePaths, type DeviceText, edgeTargets, id } from './targets.ts';

/** README.md of a bundle: what a technician types, in order, for this target and custody. */
export function readme(options: BundleOptions): DeviceText {
  const { group } = options;
  const edge = group.target !== 'dps-device';
  return [
    '# ',
    id,
    '\n\n',
    edge
      ? `Installs the identity and the configuration of this device for Azure IoT Edge ${edgeTargets[group.target].version}.\n\n`
      : 'The identity of this device for the Azure Device Provisioning Service.\n\n',
    ...opening(options),
    ...keySteps(options),
    ...(edge ? edgeSteps(options) : deviceSteps(options)),
    ...custodyNote(options),
  ];
}

function opening({ group }: BundleOptions): DeviceText {
  if (group.keyCustody !== 'sealed')
    return ['Unpack, where the device is:\n\n    tar -xzf ', id, '.tar.gz\n    cd ', id, '\n\n'];
  return [
    'Open it with the certificate and the key of a recipient, and unpack:\n\n    openssl cms -decrypt -inform DER -in ',
    id,
    '.tar.gz.cms -out ',
    id,
    '.tar.gz \\\n      -recip recipient.cert.pem -inkey recipient.key.pem\n    tar -xzf ',
    id,
    '.tar.gz\n    cd ',
    id,
    '\n\n',
  ];
}

function keySteps({ group }: BundleOptions): DeviceText {
  if (group.keyCustody !== 'device') return [];
  const { keyUri } = group;
  const place = keyUri === undefined ? `\`${bundlePaths.identityKey}\` of this folder` : `\`${keyUri}\``;
  return [
    `The device made its own private key; no private key is in this bundle, and none exists on our side.\n`,
    keyUri === undefined || keyUri.startsWith('file:')
      ? `Put the key, as unencrypted PEM, at ${place} before the next step.\n\n`
      : `The key is expected at ${place}.\n\n`,
  ];
}

function edgeSteps({ group }: BundleOptions): DeviceText {
  const pin = group.pkcs11 === undefined ? '' : ' --pin-file FILE';
  return [
    'See what would be done, then do it:\n\n',
    `    sudo sh ./install.sh --dry-run${pin}\n    sudo sh ./install.sh${pin}\n\n`,
    pin === ''
      ? ''
      : 'FILE holds the PIN of the PKCS#11 token on one line; leave the option out where the token has none.\n',
    'It checks the system, puts each file in its place, keeps what it replaces in a backup, applies the configuration and\n',
    'checks the result. It may be run again.\n\n',
    group.target === 'iotedge-1.1'
      ? 'Then see that the device is connected:\n\n    sudo iotedge list\n    sudo journalctl -u iotedge --since -10min\n\n'
      : 'Then see that the device is connected:\n\n    sudo iotedge system status\n    sudo iotedge list\n    sudo iotedge system logs\n\n',
  ];
}

function deviceSteps({ group }: BundleOptions): DeviceText {
  const key = group.keyUri === undefined ? `- \`${bundlePaths.identityKey}\`: its private key, PKCS#8 PEM.\n` : '';
  return [
    'Give these files to the DPS client of the device:\n\n',
    '- `device.json`: endpoint, id scope, registration id, and where the other files are.\n',
    `- \`${bundlePaths.identityChain}\`: its certificate and the issuers above it; the client presents all of them.\n`,
    key,
    `- \`${bundlePaths.root}\`: the root of the chain.\n\n`,
    'See that the certificate and its chain are as they should be:\n\n',
    `    openssl verify -CAfile ${bundlePaths.root} -untrusted ${bundlePaths.identityChain} ${bundlePaths.identityChain}\n\n`,
  ];
}

function custodyNote({ group }: BundleOptions): DeviceText {
  if (group.keyCustody === 'device') return [];
  return [
    'Whoever holds this folder can be this device. Delete it, and the archive it came in, after the installation.\n',
  ];
}
