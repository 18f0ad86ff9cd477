import { X509Certificate } from 'node:crypto';
import * as z from 'zod';
import { enrollmentGroupId } from '../devices/ids.ts';
import { twinIssues } from '../devices/twin.ts';
import { excerpt, FleetError, type Issue } from '../errors.ts';
import { untrustedJsonIssue } from '../json.ts';
import { type EdgeCaKind, issuingCaPathLength } from '../pki/edge-ca.ts';
import { strictObject } from '../strict-object.ts';
import { dpsInstanceName } from './dps-instance.ts';
import { type PrivateUrls, urlIssue, withoutQuery } from './url-rule.ts';

/**
 * The definition of an enrollment group, as a user declares it (PUT /api/enrollment-groups/{id}). Settings that DPS has too
 * have the names of DPS (service API 2021-10-01). The others say how identities are issued and what bundles install.
 */

/** PEM of one certificate, with a limit in characters: a whole definition must stay far below the 2 MB of a Cosmos document. */
const pemCertificate = z.string().max(16_384);

const days = (least: number, most: number) => z.int().min(least).max(most);

const twinDocument = z.record(z.string(), z.json());

/** The initial twin of a definition that was declared. Earlier releases took some that no hub takes, such as one with null. */
const storedTwin = strictObject({
  tags: twinDocument.default({}).describe('Tags. Those of a row are added, and win.'),
  desired: twinDocument.default({}).describe('Desired properties. Those of a row are added, and win.'),
});

const initialTwin = storedTwin
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
  .describe('The twin that DPS gives each device of the group at its first assignment.');

/**
 * A file: or pkcs11: URI (RFC 3986, RFC 7512) of characters that mean nothing in TOML, YAML or a shell. It has no query: a
 * PIN would be in it, and a definition is shown to everyone who may list groups. install.sh takes the PIN from a file.
 */
const keyUri = /^(?:file:\/\/\/[A-Za-z0-9._~/@,+-]+|pkcs11:[A-Za-z0-9._~:/@&=;,%+-]+)$/;
const pkcs11Uri = /^pkcs11:[A-Za-z0-9._~:/@&=;,%+-]+$/;
const absolutePath = /^\/[A-Za-z0-9._/+-]+$/;
/** Registry, path, tag and digest (https://github.com/distribution/reference), no stricter than needed. */
/** A URL with `{deviceId}` in it once, and no other braces. Quotes and blanks would break labels and files of CSV. */
const labelUrl = /^https?:\/\/[^\s{}"'<>\\]*\{deviceId\}[^\s{}"'<>\\]*$/;
const imageReference = /^[a-z0-9](?:[a-zA-Z0-9._/:-]*[a-zA-Z0-9])?(?:@sha256:[0-9a-f]{64})?$/;

/** A moment in the life of a certificate, as cert/cert-renewal/src/policy.rs of Azure/iot-identity-service reads it. */
const renewalPolicy = z
  .string()
  .regex(
    /^(?:[1-9]\d?%|[1-9]\d{0,5}(?:min|day))$/,
    'expected a share of the life ("80%") or time left ("30min", "10day")',
  );

/** The URL that stands for the EST server of this deployment. */
export const fleetEst = 'fleet';

const estServer = strictObject({
  url: z
    .union([
      z.literal(fleetEst),
      z
        .url({ protocol: /^https$/ })
        .max(512)
        .regex(/^[\x21-\x7e]+$/, 'expected printable ASCII without spaces'),
    ])
    .describe(
      '"fleet": the EST server of this deployment. Or the base URL of another one, such as https://est.example.com/.well-known/est',
    ),
  identity: z
    .boolean()
    .default(false)
    .describe('Gateways get and renew their identity there too. They start with the identity of the bundle.'),
  threshold: renewalPolicy
    .default('80%')
    .describe('When an identity is renewed: at this share of its life, or with this time left.'),
  retry: renewalPolicy.default('4%').describe('The time from a failed renewal of an identity to the next attempt.'),
  edgeCaThreshold: renewalPolicy
    .default('75%')
    .describe('When an Edge CA is renewed, which restarts all modules. Keep it apart from `threshold`.'),
  edgeCaRetry: renewalPolicy
    .default('4%')
    .describe('The time from a failed renewal of an Edge CA to the next attempt.'),
  renewExpiredWithinDays: days(0, 365)
    .default(0)
    .describe('How many days after its end a certificate can still be renewed. Only with url "fleet".'),
  idCa: z
    .enum(['issuing', 'separate'])
    .default('issuing')
    .describe(
      'The CA of the certificates with which gateways sign in to the EST server (`est-id`): the issuing CA, or one that DPS does not know. Only with url "fleet".',
    ),
  trustedCa: pemCertificate
    .optional()
    .describe('PEM certificate of the CA that issued its TLS certificate. Default: our root.'),
});

/** What `est: "fleet"` is short for: our own EST server, which then also renews the identity. */
export const fleetEstSettings = { url: fleetEst, identity: true } as const;

const est = z.preprocess(
  (input: typeof fleetEst | z.input<typeof estServer>) => (input === fleetEst ? fleetEstSettings : input),
  estServer,
);

const schema = strictObject({
  description: z.string().max(500).optional().describe('A note for people.'),
  enrollment: z
    .enum(['group', 'individual'])
    .default('group')
    .describe(
      'One DPS enrollment group for all devices (1 call), or one individual enrollment per device (10 per call).',
    ),
  keyCustody: z
    .enum(['device', 'sealed', 'plain'])
    .describe(
      'Where the private key is: on the device (it sends a CSR), in a bundle encrypted to `recipients`, or in a plain bundle.',
    ),
  dps: z
    .string()
    .regex(dpsInstanceName, 'expected the name of a DPS instance: 1 to 32 of a-z, 0-9 and "-"')
    .optional()
    .describe(
      'The DPS instance that the group is in, by its name in DPS_INSTANCES. Its ID scope goes into the bundles, so it cannot be changed afterwards. Default: the instance of DPS_ID_SCOPE.',
    ),
  deviceIdCase: z
    .enum(['refuse', 'fold'])
    .default('refuse')
    .describe('Device ids in upper case are refused, or lower-cased; the device record keeps the id as written.'),
  keyType: z
    .enum(['ec-p256', 'rsa-2048'])
    .default('ec-p256')
    .describe(
      'Type of the key of a device identity that this app makes. Requests of devices (`keyCustody` "device", EST) may have a P-256 or an RSA-2048 key in every group.',
    ),
  subjectAltName: z
    .enum(['none', 'dns', 'uri'])
    .optional()
    .describe(
      'Subject alternative name of a device identity, for verifiers that want one: none; "uri", `urn:fleet:<group>:<device id>`; or "dns", the device id, which then has to be a host name. The common name is the device id in each case. Default: "none".',
    ),
  validityDays: days(1, 3650)
    .default(365)
    .describe('Life of a device identity in days. It never outlives its issuing CA.'),
  validityJitterDays: z
    .number()
    .min(0)
    .max(365)
    .optional()
    .describe(
      'Days over which the ends of identities are spread, so that they are not all renewed at once: 0 to half of `validityDays`. Default: from the size of the group, at most a tenth of `validityDays`.',
    ),
  bundleShelfLifeDays: days(1, 3650)
    .default(90)
    .describe('Days in which a bundle is installed. At a rollover, the older CA stays for that long.'),
  issuingCa: strictObject({
    origin: z
      .enum(['fleet', 'outside'])
      .default('fleet')
      .describe('Signed by our root at its first use, or signed elsewhere and imported (fleet ca csr, import).'),
    keyType: z.enum(['ec-p256', 'ec-p384', 'rsa-4096']).default('ec-p256').describe('Type of the key of the CA.'),
    validityDays: days(30, 7300).default(1825).describe('Life of the CA in days. It never outlives its root.'),
  })
    .prefault({})
    .describe('The intermediate CA of the group. A change takes effect at the next rollover.'),
  issuance: z
    .enum(['delegated', 'direct'])
    .optional()
    .describe(
      'Who signs identities: a CA below the issuing CA that a worker has in memory for an hour at most, or the issuing CA itself. Default: "delegated" where CA keys are in a Key Vault and enrollment is "group", else "direct".',
    ),
  attestation: z
    .enum(['signingCertificate', 'caReference'])
    .default('signingCertificate')
    .describe(
      'How DPS has the CA of the group: in the enrollment group, or as a verified CA by name (fleet ca register).',
    ),
  target: z
    .enum(['iotedge-1.6', 'iotedge-1.5', 'iotedge-1.4', 'iotedge-1.2', 'iotedge-1.1', 'dps-device'])
    .default('iotedge-1.6')
    .describe('The device software that a bundle installs on.'),
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
    .describe(
      'The CA of a gateway for its modules: made by its daemon, issued by us into the bundle, or issued by `est`.',
    ),
  est: est
    .optional()
    .describe(
      'EST server (RFC 7030) that issues certificates to gateways. Their first credential is the identity of the bundle. "fleet" is short for `{ "url": "fleet", "identity": true }`.',
    ),
  keyUri: z
    .string()
    .max(512)
    .regex(keyUri, 'expected a file:/// or pkcs11: URI without a query; give a PIN to install.sh (--pin-file)')
    .optional()
    .describe('Where the device keeps its key. Only with keyCustody "device".'),
  pkcs11: strictObject({
    libraryPath: z
      .string()
      .max(256)
      .regex(absolutePath, 'expected an absolute path')
      .describe('Path of the PKCS#11 library on the device.'),
    baseSlot: z
      .string()
      .max(512)
      .regex(pkcs11Uri, 'expected a pkcs11: URI without a query; give a PIN to install.sh (--pin-file)')
      .optional()
      .describe('The slot for new keys, as a pkcs11: URI.'),
  })
    .optional()
    .describe('The PKCS#11 library, and the slot for new keys. Only with a pkcs11: `keyUri` on IoT Edge.'),
  trustBundle: z
    .array(pemCertificate)
    .max(20)
    .default([])
    .describe('PEM certificates of more CAs that modules trust, besides the CA of their gateway.'),
  agentImage: z
    .string()
    .max(255)
    .regex(imageReference, 'expected an image reference, such as registry.example.com/edge-agent:1.6')
    .optional()
    .describe('Image of the Edge Agent. Default: the image at mcr.microsoft.com for the target.'),
  labelUrl: z
    .string()
    .max(512)
    .regex(labelUrl, 'expected a URL with {deviceId}, such as https://id.example.com/{deviceId}')
    .optional()
    .describe(
      'URL on the label of a device (IEC 61406-1), with `{deviceId}`. `fleet job fetch` writes it into labels.csv.',
    ),
  initialTwin: initialTwin.prefault({}),
  provisioningStatus: z
    .enum(['enabled', 'disabled'])
    .default('enabled')
    .describe('Whether DPS lets devices of the group register.'),
  allocationPolicy: z
    .enum(['hashed', 'geoLatency', 'static', 'custom'])
    .default('hashed')
    .describe('How DPS chooses the hub of a device: evenly, by latency, always the same hub, or by your webhook.'),
  allocation: z
    .enum(['dps', 'orchestrator'])
    .default('dps')
    .describe(
      'Who decides about a registration: DPS alone, or this app, which then is in the path of each registration and can refuse a single certificate.',
    ),
  iotHubs: z
    .array(
      z
        .string()
        .max(260)
        .regex(/^[a-zA-Z0-9.-]+(:\d+)?$/, 'expected a host name'),
    )
    .max(50)
    .default([])
    .describe('Host names of linked hubs. Empty: all linked hubs.'),
  customAllocation: strictObject({
    webhookUrl: z.url().max(2048).describe('URL that DPS calls to choose the hub of a device.'),
    apiVersion: z.string().max(64).default('2021-10-01').describe('Version of the request that DPS sends.'),
  })
    .optional()
    .describe('The webhook that chooses the hub. Only with allocationPolicy "custom".'),
  reprovisionPolicy: strictObject({
    updateHubAssignment: z
      .boolean()
      .default(true)
      .describe('A device that registers again may be assigned to another hub.'),
    migrateDeviceData: z.boolean().default(true).describe('Its twin moves to the other hub with it.'),
  })
    .prefault({})
    .describe('What DPS does when a device registers again.'),
});

/** A definition as it is sent: the body of PUT /api/enrollment-groups/{id}. */
export const groupDefinitionSchema = schema;

export type GroupInput = z.input<typeof schema>;

const storedSchema = schema.extend({ initialTwin: storedTwin.prefault({}) });

/** The settings of a definition as JSON Schema, draft 2020-12: types, limits, defaults and descriptions. */
export function groupJsonSchema() {
  return z.toJSONSchema(schema, { io: 'input' });
}

/** A group as declared, with the defaults filled in. Its only secret can be the query of a URL (`shownDefinition`). */
export type GroupDefinition = Readonly<z.output<typeof schema>> & { readonly id: string };

export interface ParseOptions {
  /**
   * Which URLs may name a private address. `stored`: URLs and twin of a definition that was declared are not checked again,
   * since earlier releases took more of them.
   */
  readonly privateUrls?: PrivateUrls | 'stored';
}

/**
 * Checks a definition and fills in the defaults.
 * @param options default: no URL may name a private address
 * @throws FleetError `group-invalid` with every fault and its path
 * @example
 * parseGroupDefinition('line7', { keyCustody: 'device' }).target // 'iotedge-1.6'
 */
export function parseGroupDefinition(
  id: string,
  input: unknown,
  { privateUrls = 'none' }: ParseOptions = {},
): GroupDefinition {
  const faults: Issue[] = enrollmentGroupId.test(id)
    ? []
    : [
        {
          path: 'id',
          message: 'expected 1 to 64 of a-z, 0-9, "-", "." and "_", with a letter or digit first and last',
        },
      ];
  const unsafe = untrustedJsonIssue(input);
  if (unsafe !== undefined) {
    const path = unsafe.path || '(body)';
    throw new FleetError('group-invalid', `${path}: ${unsafe.message}`, { faults: [{ ...unsafe, path }] });
  }
  const parsed = (privateUrls === 'stored' ? storedSchema : schema).safeParse(input);
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) {
      faults.push({ path: excerpt(path.join('.')) || '(body)', message: message.slice(0, 500) });
    }
  } else {
    faults.push(...crossFieldFaults(parsed.data));
    if (privateUrls !== 'stored') faults.push(...urlFaults(parsed.data, privateUrls));
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
    faults.push({ path: 'recipients', message: 'recipients need keyCustody "sealed"; change it, or leave them out' });
  }
  if ((group.allocationPolicy === 'custom') !== (group.customAllocation !== undefined)) {
    faults.push({
      path: 'customAllocation',
      message: 'allocationPolicy "custom" needs it, and no other policy can have it',
    });
  }
  if (group.attestation === 'caReference' && group.enrollment === 'individual') {
    faults.push({
      path: 'attestation',
      message: '"caReference" needs enrollment "group"; individual enrollments do not refer to a CA',
    });
  }
  if (group.issuance === 'delegated' && group.enrollment === 'individual') {
    faults.push({
      path: 'issuance',
      message:
        '"delegated" needs enrollment "group"; DPS compares individual enrollments by certificate, so a delegated CA could not be blocked there',
    });
  }
  if (group.allocationPolicy === 'static' && group.iotHubs.length !== 1) {
    faults.push({ path: 'iotHubs', message: 'allocationPolicy "static" needs exactly one hub' });
  }
  if (group.validityJitterDays !== undefined && group.validityJitterDays > group.validityDays / 2) {
    faults.push({
      path: 'validityJitterDays',
      message: `is more than half of validityDays, so some certificates would end too soon; expected at most ${group.validityDays / 2}`,
    });
  }
  faults.push(...allocationFaults(group), ...targetFaults(group));
  return faults;
}

/** This app is the webhook then, so the policy is the rule by which it chooses the hub. */
function allocationFaults({ allocation, allocationPolicy, enrollment }: z.output<typeof schema>): Issue[] {
  if (allocation === 'dps') return [];
  const faults: Issue[] = [];
  if (enrollment === 'individual')
    faults.push({
      path: 'allocation',
      message:
        '"orchestrator" needs enrollment "group"; an individual enrollment has its own twin, and accepts one certificate',
    });
  if (allocationPolicy === 'custom')
    faults.push({
      path: 'allocationPolicy',
      message: '"custom" cannot go with allocation "orchestrator": DPS calls one webhook, and that is this app',
    });
  if (allocationPolicy === 'geoLatency')
    faults.push({
      path: 'allocationPolicy',
      message:
        '"geoLatency" cannot go with allocation "orchestrator": only DPS knows where a device is; use "hashed" or "static"',
    });
  return faults;
}

/** Every URL that a caller gives is here: one that is missing would be neither checked nor redacted. */
function urlFaults({ customAllocation, est }: z.output<typeof schema>, allowed: PrivateUrls): Issue[] {
  const webhook = customAllocation && urlIssue(customAllocation.webhookUrl, { allowPrivate: allowed === 'all' });
  const server = est && est.url !== fleetEst ? urlIssue(est.url, { allowPrivate: allowed !== 'none' }) : undefined;
  return [
    ...(webhook === undefined ? [] : [{ path: 'customAllocation.webhookUrl', message: webhook }]),
    ...(server === undefined ? [] : [{ path: 'est.url', message: server }]),
  ];
}

/** The definition without the queries of its URLs, as everyone may see it who may read groups. */
export function shownDefinition<Definition extends Pick<GroupDefinition, 'customAllocation' | 'est'>>(
  definition: Definition,
): Definition {
  const { customAllocation, est } = definition;
  return {
    ...definition,
    ...(customAllocation && {
      customAllocation: { ...customAllocation, webhookUrl: withoutQuery(customAllocation.webhookUrl) },
    }),
    ...(est && { est: { ...est, url: est.url === fleetEst ? est.url : withoutQuery(est.url) } }),
  };
}

/** Settings that the target or another setting rules out. */
function targetFaults(group: z.output<typeof schema>): Issue[] {
  const { target, keyCustody, edgeCa, est, keyUri: uri, pkcs11 } = group;
  const faults: Issue[] = [];
  const refuse = (path: string, message: string) => faults.push({ path, message });

  if (edgeCa === 'issued' && keyCustody === 'device')
    refuse('edgeCa', '"issued" makes a private key here, which keyCustody "device" rules out; use "daemon" or "est"');
  if (edgeCa === 'est' && est === undefined) refuse('est', 'edgeCa "est" needs an EST server');
  if (est !== undefined && edgeCa !== 'est' && !est.identity)
    refuse('est', 'the EST server is not used; set edgeCa "est", est.identity, or both');
  if (est?.identity && group.enrollment === 'individual')
    refuse(
      'est.identity',
      'an individual enrollment has one certificate, so a renewed one could not register; use enrollment "group"',
    );
  if (est?.identity && target === 'iotedge-1.2')
    refuse('est.identity', 'IoT Edge 1.2 does not renew identities; use a newer target');
  // DPS treats a device that registers again by this policy as new, also at the hub where it is.
  // https://learn.microsoft.com/azure/iot-dps/concepts-device-reprovision
  const { updateHubAssignment, migrateDeviceData } = group.reprovisionPolicy;
  if (est?.identity && updateHubAssignment && !migrateDeviceData)
    refuse(
      'reprovisionPolicy.migrateDeviceData',
      'is false, so each renewal would set the twin back to `initialTwin`: a renewed identity registers again. Set it to true, or leave out est.identity',
    );
  if (est !== undefined && est.url !== fleetEst) {
    if (est.idCa === 'separate') refuse('est.idCa', 'needs est.url "fleet"; another server decides that itself');
    if (est.renewExpiredWithinDays > 0)
      refuse('est.renewExpiredWithinDays', 'needs est.url "fleet"; another server decides that itself');
  }
  if (est?.url === fleetEst && est.trustedCa !== undefined)
    refuse('est.trustedCa', 'needs the URL of a server; of our own it is known');

  if (uri !== undefined && keyCustody !== 'device')
    refuse('keyUri', 'needs keyCustody "device"; other bundles hold the key');
  for (const [path, value] of [
    ['keyUri', uri],
    ['pkcs11.baseSlot', pkcs11?.baseSlot],
  ] as const) {
    if (value?.includes('pin-value'))
      refuse(path, 'leave the PIN out and give it to install.sh in a file (--pin-file)');
  }
  const onEdge12 = target !== 'iotedge-1.1' && target !== 'dps-device';
  if (onEdge12 && uri?.startsWith('pkcs11:') && pkcs11 === undefined)
    refuse('pkcs11', 'a pkcs11: keyUri needs the PKCS#11 library');
  if (pkcs11 !== undefined && !(onEdge12 && uri?.startsWith('pkcs11:')))
    refuse('pkcs11', 'needs a pkcs11: keyUri and target iotedge-1.2 or newer');

  if (target === 'iotedge-1.1') {
    if (est !== undefined) refuse('est', 'IoT Edge 1.1 does not support EST');
    if (uri?.startsWith('pkcs11:')) refuse('keyUri', 'IoT Edge 1.1 reads keys from files only');
    if (group.trustBundle.length > 0 && edgeCa !== 'issued')
      refuse('trustBundle', 'IoT Edge 1.1 accepts trusted CAs only with edgeCa "issued"');
  }
  if (target === 'dps-device') {
    if (edgeCa !== 'daemon') refuse('edgeCa', 'target "dps-device" has no modules that need a CA');
    if (est !== undefined) refuse('est', 'target "dps-device" has no daemon that uses an EST server');
    if (group.trustBundle.length > 0) refuse('trustBundle', 'target "dps-device" has no modules that trust a CA');
    if (group.agentImage !== undefined) refuse('agentImage', 'target "dps-device" has no Edge Agent');
  }
  for (const [path, pem] of [
    ...group.trustBundle.map((each, index) => [`trustBundle.${index}`, each] as const),
    ...(est?.trustedCa === undefined ? [] : [['est.trustedCa', est.trustedCa] as const]),
  ]) {
    if (!isCaCertificate(pem)) refuse(path, 'expected one PEM certificate of a CA');
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

/** Whether gateways get certificates from the EST server of this deployment. */
export function usesFleetEst({ est }: Pick<GroupDefinition, 'est'>): boolean {
  return est?.url === fleetEst;
}

/** When gateways renew their identity by the EST server of this deployment. @returns undefined when they do not */
export function renewalPolicyOf({
  est,
}: Pick<GroupDefinition, 'est'>): { readonly threshold: string; readonly retry: string } | undefined {
  if (est?.url !== fleetEst || !est.identity) return undefined;
  return { threshold: est.threshold, retry: est.retry };
}

/** Whether an EST server outside of this deployment renews identities of the group, which the records do not show. */
export function isRenewedElsewhere({ est }: Pick<GroupDefinition, 'est'>): boolean {
  return est?.identity === true && est.url !== fleetEst;
}

/** Path length that the issuing CA of the group needs for all that it signs, into bundles or by EST. */
export function pathLengthOf(group: Pick<GroupDefinition, 'edgeCa' | 'target' | 'est'>): number {
  const byEst = group.edgeCa === 'est' && usesFleetEst(group) ? 'edge-ca' : undefined;
  return issuingCaPathLength(edgeCaOf(group) ?? byEst);
}

/** The kind of CA for its modules that each device of the group gets in its bundle. @returns undefined when it gets none */
export function edgeCaOf({ edgeCa, target }: Pick<GroupDefinition, 'edgeCa' | 'target'>): EdgeCaKind | undefined {
  if (edgeCa !== 'issued') return undefined;
  return target === 'iotedge-1.1' ? 'edge-device-ca-1.1' : 'edge-ca';
}
