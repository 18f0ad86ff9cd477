import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FleetError } from '../../../lib/errors.ts';
import { type GroupInput, parseGroupDefinition } from '../../../lib/groups/definition.ts';
import { makeCertificate } from '../../infra/emulators/dps/certificates.ts';
import { someAuthority } from '../pki/some-authority.ts';

/*
 * Each rule about several settings of a definition, with one definition that it takes and one that it refuses. A refused definition
 * breaks one rule only, so that another rule cannot stand in for it.
 */

type Definition = Partial<GroupInput>;

interface Rule {
  readonly name: string;
  readonly accepted: readonly Definition[];
  readonly refused: readonly Definition[];
  /** Path of the only fault. */
  readonly path: string;
  readonly message: RegExp;
}

const { certificatePem: ca } = await someAuthority();
const { pem: leaf } = await makeCertificate({ name: 'gw-1' });
const webhook = { webhookUrl: 'https://allocate.example.com/api' };
const custom = { allocationPolicy: 'custom', customAllocation: webhook } as const;
const orchestrator = { allocation: 'orchestrator' } as const;
const ours = { url: 'fleet', identity: true } as const;
const other = { url: 'https://est.example.com/.well-known/est', identity: true };
const onToken = { keyCustody: 'device', keyUri: 'pkcs11:token=fleet;object=id' } as const;
const inFile = { keyCustody: 'device', keyUri: 'file:///var/secrets/id.pem' } as const;
const libraryPath = '/usr/lib/softhsm/libsofthsm2.so';
const pkcs11 = { libraryPath };
const resetsTwin = { updateHubAssignment: true, migrateDeviceData: false };
const hubs = ['a.azure-devices.net', 'b.azure-devices.net'];

const rules: readonly Rule[] = [
  {
    name: 'sealed bundles have a recipient',
    accepted: [{ keyCustody: 'sealed', recipients: [leaf] }],
    refused: [{ keyCustody: 'sealed' }],
    path: 'recipients',
    message: /needs at least one recipient/,
  },
  {
    name: 'recipients are for sealed bundles',
    accepted: [{ keyCustody: 'plain', recipients: [] }],
    refused: [
      { keyCustody: 'plain', recipients: [leaf] },
      { keyCustody: 'device', recipients: [leaf] },
    ],
    path: 'recipients',
    message: /need keyCustody "sealed"/,
  },
  {
    name: 'a custom allocation has a webhook, and no other has one',
    accepted: [custom, { allocationPolicy: 'hashed' }],
    refused: [{ allocationPolicy: 'custom' }, { allocationPolicy: 'hashed', customAllocation: webhook }],
    path: 'customAllocation',
    message: /"custom" needs it/,
  },
  {
    name: 'individual enrollments do not refer to a CA',
    accepted: [{ attestation: 'caReference' }, { enrollment: 'individual', attestation: 'signingCertificate' }],
    refused: [{ enrollment: 'individual', attestation: 'caReference' }],
    path: 'attestation',
    message: /needs enrollment "group"/,
  },
  {
    name: 'individual enrollments are not issued by a delegated CA',
    accepted: [{ issuance: 'delegated' }, { enrollment: 'individual', issuance: 'direct' }],
    refused: [{ enrollment: 'individual', issuance: 'delegated' }],
    path: 'issuance',
    message: /needs enrollment "group"/,
  },
  {
    name: 'a static allocation has exactly one hub',
    accepted: [
      { allocationPolicy: 'static', iotHubs: hubs.slice(0, 1) },
      { allocationPolicy: 'hashed', iotHubs: hubs },
    ],
    refused: [{ allocationPolicy: 'static' }, { allocationPolicy: 'static', iotHubs: hubs }],
    path: 'iotHubs',
    message: /needs exactly one hub/,
  },
  {
    name: 'ends are spread over half of the life at most',
    accepted: [{ validityDays: 10, validityJitterDays: 5 }, { validityDays: 1 }],
    refused: [{ validityDays: 10, validityJitterDays: 5.01 }],
    path: 'validityJitterDays',
    message: /expected at most 5$/,
  },
  {
    name: 'this app decides about registrations of enrollment groups only',
    accepted: [orchestrator, { enrollment: 'individual', allocation: 'dps' }],
    refused: [{ ...orchestrator, enrollment: 'individual' }],
    path: 'allocation',
    message: /needs enrollment "group"/,
  },
  {
    name: 'this app decides about registrations, or another webhook',
    accepted: [{ ...custom, allocation: 'dps' }],
    refused: [{ ...custom, ...orchestrator }],
    path: 'allocationPolicy',
    message: /DPS calls one webhook/,
  },
  {
    name: 'this app does not allocate by latency',
    accepted: [
      { allocationPolicy: 'geoLatency' },
      { ...orchestrator, allocationPolicy: 'static', iotHubs: hubs.slice(0, 1) },
    ],
    refused: [{ ...orchestrator, allocationPolicy: 'geoLatency' }],
    path: 'allocationPolicy',
    message: /only DPS knows where a device is/,
  },
  {
    name: 'an Edge CA is issued where private keys may be made here',
    accepted: [
      { edgeCa: 'issued', keyCustody: 'plain' },
      { edgeCa: 'daemon', keyCustody: 'device' },
    ],
    refused: [{ edgeCa: 'issued', keyCustody: 'device' }],
    path: 'edgeCa',
    message: /keyCustody "device" rules out/,
  },
  {
    name: 'an Edge CA by EST needs an EST server',
    accepted: [{ edgeCa: 'est', est: { url: 'fleet' } }],
    refused: [{ edgeCa: 'est' }],
    path: 'est',
    message: /needs an EST server/,
  },
  {
    name: 'an EST server is used',
    accepted: [{ est: ours }, { est: 'fleet' }, { edgeCa: 'est', est: { url: 'fleet', identity: false } }],
    refused: [{ est: { url: 'fleet' } }, { est: { url: 'fleet' }, edgeCa: 'issued' }],
    path: 'est',
    message: /is not used/,
  },
  {
    name: 'identities of individual enrollments are not renewed',
    accepted: [{ enrollment: 'individual', edgeCa: 'est', est: { url: 'fleet' } }],
    refused: [{ enrollment: 'individual', est: ours }],
    path: 'est.identity',
    message: /use enrollment "group"/,
  },
  {
    name: 'IoT Edge 1.2 does not renew identities',
    accepted: [
      { target: 'iotedge-1.2', edgeCa: 'est', est: { url: 'fleet' } },
      { target: 'iotedge-1.4', est: ours },
    ],
    refused: [{ target: 'iotedge-1.2', est: ours }],
    path: 'est.identity',
    message: /IoT Edge 1\.2 does not renew/,
  },
  {
    name: 'a renewal does not reset the twin',
    accepted: [
      { est: ours },
      { est: ours, reprovisionPolicy: { updateHubAssignment: false, migrateDeviceData: false } },
      { reprovisionPolicy: resetsTwin },
      { edgeCa: 'est', est: { url: 'fleet' }, reprovisionPolicy: resetsTwin },
    ],
    refused: [{ est: ours, reprovisionPolicy: resetsTwin }],
    path: 'reprovisionPolicy.migrateDeviceData',
    message: /each renewal would set the twin back/,
  },
  {
    name: 'the CA of est-id is chosen for our EST server only',
    accepted: [{ est: { ...ours, idCa: 'separate' } }, { est: { ...other, idCa: 'issuing' } }],
    refused: [{ est: { ...other, idCa: 'separate' } }],
    path: 'est.idCa',
    message: /needs est\.url "fleet"/,
  },
  {
    name: 'expired certificates are renewed by our EST server only',
    accepted: [{ est: { ...ours, renewExpiredWithinDays: 1 } }, { est: { ...other, renewExpiredWithinDays: 0 } }],
    refused: [{ est: { ...other, renewExpiredWithinDays: 1 } }],
    path: 'est.renewExpiredWithinDays',
    message: /needs est\.url "fleet"/,
  },
  {
    name: 'the CA of our EST server is not given',
    accepted: [{ est: { ...other, trustedCa: ca } }],
    refused: [{ est: { ...ours, trustedCa: ca } }],
    path: 'est.trustedCa',
    message: /needs the URL of a server/,
  },
  {
    name: 'the place of a key is for keys of devices',
    accepted: [inFile],
    refused: [{ ...inFile, keyCustody: 'plain' }],
    path: 'keyUri',
    message: /needs keyCustody "device"/,
  },
  {
    name: 'the place of a key holds no PIN',
    accepted: [{ ...onToken, pkcs11 }],
    refused: [{ ...onToken, pkcs11, keyUri: 'pkcs11:token=fleet;pin-value=1234' }],
    path: 'keyUri',
    message: /leave the PIN out/,
  },
  {
    name: 'the slot for new keys holds no PIN',
    accepted: [{ ...onToken, pkcs11: { libraryPath, baseSlot: 'pkcs11:token=fleet' } }],
    refused: [{ ...onToken, pkcs11: { libraryPath, baseSlot: 'pkcs11:token=fleet;pin-value=1234' } }],
    path: 'pkcs11.baseSlot',
    message: /leave the PIN out/,
  },
  {
    name: 'a key on a token needs the PKCS#11 library, on IoT Edge',
    accepted: [{ ...onToken, pkcs11 }, inFile, { ...onToken, target: 'dps-device' }],
    refused: [onToken, { ...onToken, target: 'iotedge-1.2' }],
    path: 'pkcs11',
    message: /needs the PKCS#11 library/,
  },
  {
    name: 'the PKCS#11 library is for a key on a token, on IoT Edge 1.2 or newer',
    accepted: [{ ...onToken, pkcs11, target: 'iotedge-1.2' }],
    refused: [
      { keyCustody: 'device', pkcs11 },
      { ...inFile, pkcs11 },
      { ...onToken, pkcs11, target: 'dps-device' },
      { ...inFile, pkcs11, target: 'iotedge-1.1' },
    ],
    path: 'pkcs11',
    message: /needs a pkcs11: keyUri and target iotedge-1\.2 or newer/,
  },
  {
    name: 'IoT Edge 1.1 does not support EST',
    accepted: [{ target: 'iotedge-1.1' }],
    refused: [{ target: 'iotedge-1.1', est: ours }],
    path: 'est',
    message: /IoT Edge 1\.1 does not support EST/,
  },
  {
    name: 'IoT Edge 1.1 reads keys from files',
    accepted: [{ ...inFile, target: 'iotedge-1.1' }],
    refused: [{ ...onToken, target: 'iotedge-1.1' }],
    path: 'keyUri',
    message: /reads keys from files only/,
  },
  {
    name: 'IoT Edge 1.1 takes trusted CAs with an issued Edge CA',
    accepted: [
      { target: 'iotedge-1.1', trustBundle: [ca], edgeCa: 'issued' },
      { target: 'iotedge-1.2', trustBundle: [ca] },
    ],
    refused: [{ target: 'iotedge-1.1', trustBundle: [ca] }],
    path: 'trustBundle',
    message: /only with edgeCa "issued"/,
  },
  {
    name: 'a device without IoT Edge has no Edge CA',
    accepted: [{ target: 'dps-device' }],
    refused: [{ target: 'dps-device', edgeCa: 'issued' }],
    path: 'edgeCa',
    message: /no modules that need a CA/,
  },
  {
    name: 'a device without IoT Edge uses no EST server',
    accepted: [{ target: 'dps-device' }],
    refused: [{ target: 'dps-device', est: ours }],
    path: 'est',
    message: /no daemon that uses an EST server/,
  },
  {
    name: 'a device without IoT Edge has no trusted CAs of modules',
    accepted: [{ target: 'iotedge-1.6', trustBundle: [ca] }],
    refused: [{ target: 'dps-device', trustBundle: [ca] }],
    path: 'trustBundle',
    message: /no modules that trust a CA/,
  },
  {
    name: 'a device without IoT Edge has no Edge Agent',
    accepted: [{ target: 'iotedge-1.6', agentImage: 'registry.example.com/edge-agent:1.6' }],
    refused: [{ target: 'dps-device', agentImage: 'registry.example.com/edge-agent:1.6' }],
    path: 'agentImage',
    message: /has no Edge Agent/,
  },
  {
    name: 'a member of the trust bundle is one CA',
    accepted: [{ trustBundle: [ca, ca] }],
    refused: [{ trustBundle: [ca, leaf] }, { trustBundle: [ca, `${ca}\n${ca}`] }, { trustBundle: [ca, 'no PEM'] }],
    path: 'trustBundle.1',
    message: /one PEM certificate of a CA/,
  },
  {
    name: 'the trusted CA of an EST server is one CA',
    accepted: [{ est: { ...other, trustedCa: ca } }],
    refused: [{ est: { ...other, trustedCa: leaf } }, { est: { ...other, trustedCa: `${ca}\n${ca}` } }],
    path: 'est.trustedCa',
    message: /one PEM certificate of a CA/,
  },
];

function faultsOf(definition: Definition) {
  try {
    parseGroupDefinition('line7', { keyCustody: 'plain', ...definition });
    return [];
  } catch (error) {
    if (error instanceof FleetError && error.code === 'group-invalid') return error.details.faults ?? [];
    throw error;
  }
}

for (const { name, accepted, refused, path, message } of rules) {
  describe(`a group definition: ${name}`, () => {
    for (const definition of accepted)
      it(`accepts ${shown(definition)}`, () => assert.deepEqual(faultsOf(definition), []));

    for (const definition of refused) {
      it(`refuses ${shown(definition)}`, () => {
        const [fault, ...more] = faultsOf(definition);
        assert.deepEqual([fault?.path, more], [path, []]);
        assert.match(fault?.message ?? '', message);
      });
    }
  });
}

/** The definition in one line, without the text of certificates. */
function shown(definition: Definition): string {
  return JSON.stringify(definition, (_, value) =>
    typeof value === 'string' && value.includes('-----BEGIN') ? 'PEM' : value,
  );
}
