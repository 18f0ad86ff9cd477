import { type BundleOptions, bundlePaths, type DeviceText, edgeTargets, ends, id } from './targets.ts';

/** README.md of a bundle: the commands that a technician types, in order, for this target and key custody. */
export function readme(options: BundleOptions): DeviceText {
  const { group } = options;
  const edge = group.target !== 'dps-device';
  return [
    '# ',
    id,
    '\n\n',
    edge
      ? `The identity and the configuration of this device for Azure IoT Edge ${edgeTargets[group.target].version}.\n\n`
      : 'The identity of this device for the Azure Device Provisioning Service (DPS).\n\n',
    ...unpackSteps(options),
    ...keySteps(options),
    ...(edge ? edgeSteps(options) : deviceSteps(options)),
    ...endNote(options),
    ...custodyNote(options),
  ];
}

function unpackSteps({ group }: BundleOptions): DeviceText {
  if (group.keyCustody !== 'sealed')
    return ['Unpack the bundle on the device:\n\n    tar -xzf ', id, '.tar.gz\n    cd ', id, '\n\n'];
  return [
    'Decrypt the bundle with the certificate and the key of a recipient, and unpack it on the device:\n\n',
    '    openssl cms -decrypt -inform DER -in ',
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
  const place = keyUri === undefined ? `\`${bundlePaths.identityKey}\` in this folder` : `\`${keyUri}\``;
  return [
    'This bundle has no private key. The device made its own, and we have no copy of it.\n',
    keyUri === undefined || keyUri.startsWith('file:')
      ? `Put the key, as unencrypted PEM, at ${place} before the next step.\n\n`
      : `The device must have its key at ${place}.\n\n`,
  ];
}

function edgeSteps(options: BundleOptions): DeviceText {
  const { group } = options;
  const pin = group.pkcs11 === undefined ? '' : ' --pin-file FILE';
  return [
    ...hostNameStep(options),
    'Print what the installation would change, then install:\n\n',
    `    sudo sh ./install.sh --dry-run${pin}\n    sudo sh ./install.sh${pin}\n\n`,
    pin === ''
      ? ''
      : 'FILE has the PIN of the PKCS#11 token on one line. Leave the option out if the token has no PIN. A later run without it\nkeeps the PIN that is installed.\n\n',
    'The script checks the system, keeps a backup of each file that it replaces, installs the files, applies the\n',
    'configuration and checks the result. You can run it again at any time.\n\n',
    'Then check that the device is connected:\n\n',
    group.target === 'iotedge-1.1'
      ? '    sudo iotedge list\n    sudo journalctl -u iotedge --since -10min\n\n'
      : '    sudo iotedge system status\n    sudo iotedge list\n    sudo iotedge system logs\n\n',
  ];
}

/** 1.1 holds the machine's name against the one in config.yaml, which is the device id. */
function hostNameStep({ group }: BundleOptions): DeviceText {
  if (group.target !== 'iotedge-1.1') return [];
  return [
    'Give the machine the name `',
    id,
    '` first (`sudo hostnamectl set-hostname NAME`). The part before its first dot is good too.\n`iotedge check` of 1.1 finds a fault with any other name, and modules reach the gateway by this one.\n\n',
  ];
}

function deviceSteps({ group }: BundleOptions): DeviceText {
  const key = group.keyUri === undefined ? `- \`${bundlePaths.identityKey}\`: its private key, PKCS#8 PEM.\n` : '';
  return [
    'Give these files to the DPS client of the device:\n\n',
    '- `device.json`: host name of DPS, id scope, registration id, and the paths of certificate and key, under the names that the\n',
    '  device SDKs use.\n',
    `- \`${bundlePaths.identityChain}\`: its certificate, then the issuers. The client must present all of them.\n`,
    key,
    `- \`${bundlePaths.root}\`: the root of the chain above, for the check below. The client does not need it. It is not the root of\n`,
    '  the server: that is one of the public roots which the SDK or the system trusts.\n\n',
    'The client is made of the values as they are, and of the content of the two files:\n\n',
    '- Node.js: `ProvisioningDeviceClient.create(provisioningHost, idScope, transport, new X509Security(registrationId, { cert, key }))`\n',
    '- Python: `ProvisioningDeviceClient.create_from_x509_certificate(provisioning_host, registration_id, id_scope,\n',
    '  X509(cert_file, key_file))`, with the paths\n',
    '- C: `Prov_Device_LL_Create(provisioningHost, idScope, transport)`, and a security module (HSM) that gives registration id,\n',
    '  certificate and key\n\n',
    'Check the certificate and its chain:\n\n',
    `    openssl verify -CAfile ${bundlePaths.root} -untrusted ${bundlePaths.identityChain} ${bundlePaths.identityChain}\n\n`,
  ];
}

/** IoT Edge 1.1 and 1.2 and other DPS clients do not renew their identity, and neither does a newer IoT Edge without EST. */
function endNote({ group }: BundleOptions): DeviceText {
  if (group.est?.identity)
    return [
      'The certificate in this bundle ends on ',
      ends,
      ' (UTC). Install the bundle before that day.\nOnce it is installed, IoT Edge renews its certificate by itself.\n\n',
    ];
  return [
    'The certificate of this device ends on ',
    ends,
    ' (UTC), and the device does not renew it by itself.\nGet a new bundle and install it before that day. Later the device cannot connect.\n\n',
  ];
}

function custodyNote({ group }: BundleOptions): DeviceText {
  if (group.keyCustody === 'device') return [];
  return [
    'Anyone who has this folder can pose as this device. Delete the folder and the archive after the installation.\n',
  ];
}
