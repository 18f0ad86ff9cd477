import { X509Certificate } from 'node:crypto';
import * as z from 'zod';
import { enrollmentGroupId } from '../devices/ids.ts';
import { twinIssues } from '../devices/twin.ts';
import { excerpt, FleetError, type Issue } from '../errors.ts';
import { untrustedJsonIssue } from '../json.ts';
import type { EdgeCaKind } from '../pki/edge-ca.ts';

/**
 * What a user declares of an enrollment group (PUT /api/enrollment-groups/{id}). The names are those of DPS where DPS has
 * one (service API 2021-10-01); the rest says how identities are issued and what their bundles install.
 */

/** PEM of one certificate. All of a definition together has to stay far below the 2 MB of a Cosmos document. */
const pemCertificate = z.string().max(16_384);

const days = (least: number, most: number) => z.int().min(least).max(most);

const twinDocument = z.record(z.string(), z.json());

const initialTwin = z
  .strictObject({ tags: twinDocument.default({}), desired: twinDocument.default({}) })
  .check((context) => {
    for (const fault of twinIssues(context.value)) {
      context.issues.push({
        code: 'custom',
        message: fault.message,
        path: fault.path.split('.'),
        input: context.value,
      });
    }
  })
  .describe('Twin that DPS gives every device of the group at its first assignment.');

/**
 * What the path of a file: or pkcs11: URI may hold (RFC 3986, RFC 7512) without meaning anything in TOML, YAML or a
 * shell. Its query is install.sh's: there a PIN would stand, and a definition may be shown to whoever may list groups.
 */
const keyUri = /^(?:file:\/\/\/[A-Za-z0-9._~/@,+-]+|pkcs11:[A-Za-z0-9._~:/@&=;,%+-]+)$/;
const pkcs11Uri = /^pkcs11:[A-Za-z0-9._~:/@&=;,%+-]+$/;
const absolutePath = /^\/[A-Za-z0-9._/+-]+$/;
/** Registry, path, tag and digest, as https://github.com/distribution/reference spells them, no stricter than needed. */
const imageReference = /^[a-z0-9](?:[a-zA-Z0-9._/:-]*[a-zA-Z0-9])?(?:@sha256:[0-9a-f]{64})?$/;

/** How cert/cert-renewal/src/policy.rs of Azure/iot-identity-service reads a moment: a share of the life, or time left. */
const renewalPolicy = z.string().regex(/^(?:[1-9]\d?%|[1-9]\d{0,5}(?:min|day))$/, 'such as "80%", "30min" or "10day"');

const estServer = z.strictObject({
  url: z
    .url({ protocol: /^https$/ })
    .max(512)
    .regex(/^[\x21-\x7e]+$/, 'printable ASCII')
    .describe('Its base, such as https://est.example.com/.well-known/est'),
  identity: z
    .boolean()
    .default(false)
    .describe('Gateways have their identity from it too, and renew it there; the identity of the bundle begins that.'),
  threshold: renewalPolicy.default('80%').describe('When a certificate is renewed.'),
  retry: renewalPolicy.default('4%').describe('How long after a renewal failed the next is tried.'),
  trustedCa: pemCertificate.optional().describe('PEM certificate of the CA of its TLS; our root where absent.'),
});

const schema = z.strictObject({
  description: z.string().max(500).optional().describe('For people.'),
  enrollment: z
    .enum(['group', 'individual'])
    .default('group')
    .describe('One DPS enrollment group for all (1 call), or one individual enrollment a device (10 a call).'),
  keyCustody: z
    .enum(['device', 'sealed', 'plain'])
    .describe(
      'Who holds device keys: the device (CSR), the bundle encrypted to `recipients`, or the bundle in the clear.',
    ),
  keyType: z.enum(['ec-p256', 'rsa-2048']).default('ec-p256').describe('Key of a device identity.'),
  validityDays: days(1, 3650).default(365).describe('Life of a device identity, clamped to its issuer.'),
  issuingCa: z
    .strictObject({
      origin: z
        .enum(['fleet', 'outside'])
        .default('fleet')
        .describe('Signed by our root at its first use, or signed elsewhere and imported (npm run ca -- csr, import).'),
      keyType: z.enum(['ec-p256', 'ec-p384', 'rsa-4096']).default('ec-p256'),
      validityDays: days(30, 7300).default(1825),
    })
    .prefault({})
    .describe('The intermediate CA of the group. A change takes effect at the next rollover.'),
  attestation: z
    .enum(['signingCertificate', 'caReference'])
    .default('signingCertificate')
    .describe(
      'How the DPS group has its CA: within it, or by the name of a CA that DPS holds, proven (npm run ca -- register).',
    ),
  target: z
    .enum(['iotedge-1.6', 'iotedge-1.5', 'iotedge-1.4', 'iotedge-1.2', 'iotedge-1.1', 'dps-device'])
    .default('iotedge-1.6')
    .describe('What a bundle installs on.'),
  recipients: z
    .array(pemCertificate)
    .max(10)
    .default([])
    .describe('PEM certificates that sealed bundles are encrypted to (CMS EnvelopedData).'),
  autoReprovisioningMode: z
    .enum(['Dynamic', 'AlwaysOnStartup', 'OnErrorOnly'])
    .default('Dynamic')
    .describe('IoT Edge `auto_reprovisioning_mode`.'),
  edgeCa: z
    .enum(['daemon', 'issued', 'est'])
    .default('daemon')
    .describe('CA of a gateway for its modules: made by its daemon, issued by us into the bundle, or had from `est`.'),
  est: estServer
    .optional()
    .describe(
      'EST server (RFC 7030) that gateways ask for certificates, with the identity of the bundle as credential.',
    ),
  keyUri: z
    .string()
    .max(512)
    .regex(keyUri, 'a file:/// or pkcs11: URI without a query; install.sh takes a PIN from a file')
    .optional()
    .describe('Only with keyCustody "device": where the device keeps its key.'),
  pkcs11: z
    .strictObject({
      libraryPath: z.string().max(256).regex(absolutePath, 'an absolute path'),
      baseSlot: z
        .string()
        .max(512)
        .regex(pkcs11Uri, 'a pkcs11: URI without a query; install.sh takes a PIN from a file')
        .optional(),
    })
    .optional()
    .describe('Goes with a pkcs11: `keyUri` on IoT Edge: the library, and the slot where new keys are made.'),
  trustBundle: z
    .array(pemCertificate)
    .max(20)
    .default([])
    .describe('PEM certificates of CAs that modules trust besides the CA of their own gateway.'),
  agentImage: z
    .string()
    .max(255)
    .regex(imageReference, 'an image reference, such as registry.example.com/edge-agent:1.6')
    .optional()
    .describe('Image of the Edge Agent; the one of the target at mcr.microsoft.com where absent.'),
  initialTwin: initialTwin.prefault({}),
  provisioningStatus: z.enum(['enabled', 'disabled']).default('enabled'),
  allocationPolicy: z.enum(['hashed', 'geoLatency', 'static', 'custom']).default('hashed'),
  iotHubs: z
    .array(
      z
        .string()
        .max(260)
        .regex(/^[a-zA-Z0-9.-]+(:\d+)?$/, 'a host name'),
    )
    .max(50)
    .default([])
    .describe('Host names of linked hubs; all linked hubs when empty.'),
  customAllocation: z
    .strictObject({ webhookUrl: z.url().max(2048), apiVersion: z.string().max(64).default('2021-10-01') })
    .optional()
    .describe('Only with allocationPolicy "custom".'),
  reprovisionPolicy: z
    .strictObject({ updateHubAssignment: z.boolean().default(true), migrateDeviceData: z.boolean().default(true) })
    .prefault({}),
});

export type GroupInput = z.input<typeof schema>;

/** A group as declared, complete with defaults. Everything in it may be shown. */
export type GroupDefinition = Readonly<z.output<typeof schema>> & { readonly id: string };

/**
 * Checks a declaration whole: every fault at once, each with its path.
 * @throws FleetError `group-invalid` with `faults`
 */
export function parseGroupDefinition(id: string, input: unknown): GroupDefinition {
  const faults: Issue[] = enrollmentGroupId.test(id)
    ? []
    : [{ path: 'id', message: '1 to 64 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit' }];
  const hostile = untrustedJsonIssue(input);
  if (hostile !== undefined) {
    throw new FleetError('group-invalid', `${hostile.path}: ${hostile.message}`, { faults: [hostile] });
  }
  const parsed = schema.safeParse(input);
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) {
      faults.push({ path: excerpt(path.join('.')) || '(body)', message: message.slice(0, 500) });
    }
  } else {
    faults.push(...crossFieldFaults(parsed.data));
  }
  if (faults.length > 0 || !parsed.success) {
    throw FleetError.of('group-invalid', `The definition of group "${id.slice(0, 128)}"`, faults);
  }
  return { ...parsed.data, id };
}

function crossFieldFaults(group: z.output<typeof schema>): Issue[] {
  const faults: Issue[] = [];
  if (group.keyCustody === 'sealed' && group.recipients.length === 0) {
    faults.push({ path: 'recipients', message: 'keyCustody "sealed" needs at least one recipient certificate' });
  }
  if (group.keyCustody !== 'sealed' && group.recipients.length > 0) {
    faults.push({ path: 'recipients', message: 'only keyCustody "sealed" encrypts to recipients' });
  }
  if ((group.allocationPolicy === 'custom') !== (group.customAllocation !== undefined)) {
    faults.push({ path: 'customAllocation', message: 'goes with allocationPolicy "custom", and only with it' });
  }
  if (group.attestation === 'caReference' && group.enrollment === 'individual') {
    faults.push({ path: 'attestation', message: 'individual enrollments refer to no CA' });
  }
  if (group.allocationPolicy === 'static' && group.iotHubs.length !== 1) {
    faults.push({ path: 'iotHubs', message: 'allocationPolicy "static" needs exactly one hub' });
  }
  faults.push(...targetFaults(group));
  return faults;
}

/** What a target cannot do. */
function targetFaults(group: z.output<typeof schema>): Issue[] {
  const { target, keyCustody, edgeCa, est, keyUri: uri, pkcs11 } = group;
  const faults: Issue[] = [];
  const refuse = (path: string, message: string) => faults.push({ path, message });

  if (edgeCa === 'issued' && keyCustody === 'device')
    refuse('edgeCa', '"issued" makes a private key here, which keyCustody "device" rules out; use "daemon" or "est"');
  if (edgeCa === 'est' && est === undefined) refuse('est', 'edgeCa "est" needs the EST server');
  if (est !== undefined && edgeCa !== 'est' && !est.identity)
    refuse('est', 'is used for nothing: set edgeCa "est", est.identity, or both');
  if (est?.identity && group.enrollment === 'individual')
    refuse('est.identity', 'an individual enrollment holds one certificate, so a renewed one could not register');
  if (est?.identity && target === 'iotedge-1.2')
    refuse('est.identity', 'IoT Edge renews identities by itself from 1.3 on; use a newer target');

  if (uri !== undefined && keyCustody !== 'device')
    refuse('keyUri', 'goes with keyCustody "device"; other bundles bring the key along');
  for (const [path, value] of [
    ['keyUri', uri],
    ['pkcs11.baseSlot', pkcs11?.baseSlot],
  ] as const) {
    if (value?.includes('pin-value')) refuse(path, 'leave the PIN out; install.sh takes it from a file (--pin-file)');
  }
  const onEdge12 = target !== 'iotedge-1.1' && target !== 'dps-device';
  if (onEdge12 && uri?.startsWith('pkcs11:') && pkcs11 === undefined)
    refuse('pkcs11', 'a pkcs11: keyUri needs the library that opens it');
  if (pkcs11 !== undefined && !(onEdge12 && uri?.startsWith('pkcs11:')))
    refuse('pkcs11', 'goes with a pkcs11: keyUri and target iotedge-1.2 or newer');

  if (target === 'iotedge-1.1') {
    if (est !== undefined) refuse('est', 'IoT Edge 1.1 has no EST');
    if (uri?.startsWith('pkcs11:')) refuse('keyUri', 'IoT Edge 1.1 reads keys from files only');
    if (group.trustBundle.length > 0 && edgeCa !== 'issued')
      refuse('trustBundle', 'IoT Edge 1.1 takes trusted CAs only together with edgeCa "issued"');
  }
  if (target === 'dps-device') {
    if (edgeCa !== 'daemon') refuse('edgeCa', 'target "dps-device" has no modules that need a CA');
    if (est !== undefined) refuse('est', 'target "dps-device" has no daemon that asks an EST server');
    if (group.trustBundle.length > 0) refuse('trustBundle', 'target "dps-device" has no modules');
    if (group.agentImage !== undefined) refuse('agentImage', 'target "dps-device" has no Edge Agent');
  }
  for (const [path, pem] of [
    ...group.trustBundle.map((each, index) => [`trustBundle.${index}`, each] as const),
    ...(est?.trustedCa === undefined ? [] : [['est.trustedCa', est.trustedCa] as const]),
  ]) {
    if (!isCaCertificate(pem)) refuse(path, 'not one PEM certificate of a CA');
  }
  return faults;
}

function isCaCertificate(pem: string): boolean {
  try {
    return pem.split('-----BEGIN').length === 2 && new X509Certificate(pem).ca;
  } catch {
    return false;
  }
}

/** The CA for its modules that each device of the group gets from us, if it does. */
export function edgeCaOf({ edgeCa, target }: Pick<GroupDefinition, 'edgeCa' | 'target'>): EdgeCaKind | undefined {
  if (edgeCa !== 'issued') return undefined;
  return target === 'iotedge-1.1' ? 'edge-device-ca-1.1' : 'edge-ca';
}
