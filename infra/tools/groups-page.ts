/**
 * Writes docs/groups.md from the schema in lib/groups/definition.ts.
 * Run: `npx node infra/tools/groups-page.ts`. A test compares the page with the code.
 */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type GroupInput, groupJsonSchema } from '../../lib/groups/definition.ts';

const page = new URL('../../docs/groups.md', import.meta.url);

/** The members of a JSON Schema that the definition uses. */
interface Property {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
  readonly items?: Property;
  readonly properties?: Readonly<Record<string, Property>>;
  readonly required?: readonly string[];
}

export interface Setting {
  /** Such as `est.url`. */
  readonly path: string;
  readonly property: Property;
  readonly isRequired: boolean;
}

/** Every setting of a definition, in the order of the schema. An object is followed by its members. */
export function groupSettings(): Setting[] {
  return membersOf(groupJsonSchema() as Property, '');
}

function membersOf({ properties = {}, required = [] }: Property, prefix: string): Setting[] {
  return Object.entries(properties).flatMap(([name, property]) => {
    const path = `${prefix}${name}`;
    return [{ path, property, isRequired: required.includes(name) }, ...membersOf(property, `${path}.`)];
  });
}

/** Full definitions: every target, and every value of each policy, is in one of them. */
const examples: readonly { readonly title: string; readonly text: string; readonly definition: GroupInput }[] = [
  {
    title: 'IoT Edge 1.6, the key stays on the device',
    text: 'Each row of the manifest has a CSR. The bundle has no private key.',
    definition: {
      description: 'Gateways of line 7',
      enrollment: 'group',
      keyCustody: 'device',
      target: 'iotedge-1.6',
      validityDays: 365,
      initialTwin: { tags: { line: 7 }, desired: { telemetryInterval: 60 } },
    },
  },
  {
    title: 'IoT Edge 1.5, encrypted bundles',
    text: 'The bundle has the private key. Only the key of a recipient opens it. Devices register with the nearest hub.',
    definition: {
      keyCustody: 'sealed',
      recipients: ['-----BEGIN CERTIFICATE-----\n(your certificate)\n-----END CERTIFICATE-----\n'],
      target: 'iotedge-1.5',
      edgeCa: 'issued',
      allocationPolicy: 'geoLatency',
      iotHubs: ['hub-eu.azure-devices.net', 'hub-us.azure-devices.net'],
    },
  },
  {
    title: 'IoT Edge 1.4, keys in a TPM or HSM behind PKCS#11',
    text: '`install.sh --pin-file` gives the PIN to the device.',
    definition: {
      keyCustody: 'device',
      target: 'iotedge-1.4',
      keyUri: 'pkcs11:token=edge;object=identity',
      pkcs11: { libraryPath: '/usr/lib/libtpm2_pkcs11.so', baseSlot: 'pkcs11:token=edge' },
      attestation: 'caReference',
      allocationPolicy: 'static',
      iotHubs: ['hub-eu.azure-devices.net'],
      autoReprovisioningMode: 'OnErrorOnly',
    },
  },
  {
    title: 'IoT Edge 1.6, certificates from an EST server',
    text: 'The gateway renews its identity and the CA for its modules at your server.',
    definition: {
      keyCustody: 'device',
      target: 'iotedge-1.6',
      edgeCa: 'est',
      est: { url: 'https://est.example.com/.well-known/est', identity: true, threshold: '80%', retry: '4%' },
    },
  },
  {
    title: 'IoT Edge 1.2, individual enrollments',
    text: 'Each device has its own entry in DPS, so one device can be disabled alone.',
    definition: {
      enrollment: 'individual',
      keyCustody: 'device',
      target: 'iotedge-1.2',
      autoReprovisioningMode: 'AlwaysOnStartup',
      reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: false },
    },
  },
  {
    title: 'IoT Edge 1.1, plain bundles',
    text: 'Anyone who has the bundle has the private key. Use it to evaluate, not in production.',
    definition: { keyCustody: 'plain', keyType: 'rsa-2048', target: 'iotedge-1.1', edgeCa: 'issued', validityDays: 90 },
  },
  {
    title: 'Gateways whose single certificates can be refused',
    text: 'DPS asks this app about each registration: what that gains and costs is in [allocation.md](allocation.md).',
    definition: { keyCustody: 'device', allocation: 'orchestrator', allocationPolicy: 'hashed' },
  },
  {
    title: 'A device without IoT Edge, your own PKI and your own allocation',
    text: 'Your PKI signs the issuing CA (`fleet ca csr`, then `import`). A webhook chooses the hub. DPS refuses the devices until the group is declared again with `provisioningStatus` "enabled".',
    definition: {
      keyCustody: 'device',
      target: 'dps-device',
      edgeCa: 'daemon',
      issuingCa: { origin: 'outside', keyType: 'ec-p384', validityDays: 1825 },
      allocationPolicy: 'custom',
      customAllocation: { webhookUrl: 'https://allocation.example.com/api/hub' },
      provisioningStatus: 'disabled',
    },
  },
  {
    title: 'A device without IoT Edge, devices on all hubs',
    text: 'DPS distributes the devices evenly.',
    definition: {
      keyCustody: 'device',
      target: 'dps-device',
      attestation: 'signingCertificate',
      allocationPolicy: 'hashed',
      iotHubs: [],
      autoReprovisioningMode: 'Dynamic',
      provisioningStatus: 'enabled',
    },
  },
];

/** The whole page. */
export function groupsPage(): string {
  return `${[intro, ...examples.map(exampleText), '## Settings', ...groupSettings().map(settingText)].join('\n\n')}\n`;
}

const intro = `# Enrollment groups

<!-- Written by infra/tools/groups-page.ts from lib/groups/definition.ts; change it there. -->

\`PUT /api/enrollment-groups/{id}\` declares a group with a JSON object of these settings. Only \`keyCustody\` is required. The
id has 1 to 64 of a-z, 0-9, "-", "." and "_", with a letter or digit first and last. An unknown setting is refused, and so are
settings that contradict each other. The error names each of them.

[certificates.md](certificates.md#custody-of-keys) compares the key custodies, [bundles.md](bundles.md) the targets.

\`\`\`sh
curl -X PUT "http://localhost:7071/api/enrollment-groups/line7" -H "x-functions-key: local-function-key" \\
     -H "content-type: application/json" --data-binary @samples/line7.json
\`\`\`

## States

\`enrollment.status\` says whether devices of the group can register:

| status | meaning |
| --- | --- |
| \`enrolled\` | DPS has the group as declared, and is known to trust its CA |
| \`pending\` | DPS does not have it yet, or would refuse its devices; \`reason\` has the cause and the next step |
| \`refused\` | DPS does not take it as declared; devices are provisioned by what was in force before, if there was something |
| \`deleting\` | an operator deletes it |

A group whose issuing CA was imported is \`pending\` with \`ca-unregistered\` until DPS is known to have its root, verified. The app cannot
ask DPS for its CAs: \`fleet ca register\` and \`fleet ca check\` do.

## Versions

Each answer about one group has an \`ETag\`. Send it in \`If-Match\` with \`PUT\` or \`DELETE\`: if the group has changed meanwhile, nothing
happens and the answer is 412, \`precondition-failed\`. \`If-None-Match: *\` with \`PUT\` only creates.

## Groups that DPS has already

An enrollment group in DPS that this deployment did not create is not overwritten: \`PUT\` is refused with \`group-exists\` and what is
there, and rows of the group fail until that is resolved. \`PUT ...?adopt=true\` takes it over: its certificates are replaced, so devices with
certificates from its old CA can no longer register. The permission counts for that declaration only, and the group shows \`adoptedBy\`.

The group is ours if DPS created it at the time that our record has. A group that was deleted in DPS and made again by hand is not ours.

## Suspending

\`POST /api/enrollment-groups/{id}/suspend\` disables the group in DPS at once, whatever \`provisioningStatus\` is declared, and begins
[an act](revoke.md#many-devices) that suspends each of its devices: DPS does not reach the identities at the hub. A declaration does
not end the suspension. \`restore\` does: DPS gets the declared status, and a second act restores the devices that the suspension took.
Devices that were revoked or suspended by themselves stay so.

## Deleting

\`DELETE /api/enrollment-groups/{id}\` takes a group without devices. It takes some 11 seconds: the group is marked, and no worker may use it
any more. Then it is deleted in DPS, unless it was made elsewhere, and here. Its CAs stay on record as revoked (\`formerCas\`). The id can
be used again, with another CA and another key. A CA that was registered by name stays in DPS: \`fleet ca unregister GROUP\`.

\`DELETE /api/devices/{deviceId}\` takes a device that failed, or that is provisioned and has not registered. It removes the individual
enrollment and the bundle. \`GET\` shows the device with the status \`deleted\` and its certificate, and lists show it too. The next row
with its id makes another device: the old certificate is in \`formerCertificates\` as \`revoked\`.

If its bundle was downloaded, its certificate may be out. In a group with one enrollment for all, DPS would still take it, so the device
is blocked by a disabled individual enrollment of its id. **When the id is used again in that group, the block is removed, and the old
certificate can register until it ends.** Roll the group over and end the old CA first, if the bundle may be in the wrong hands.

A request that was cut short leaves the status \`deleting\`. Repeat it: each step can be done twice.

## Examples`;

function exampleText({ title, text, definition }: (typeof examples)[number]): string {
  return `### ${title}\n\n${text}\n\n\`\`\`json\n${JSON.stringify(definition, undefined, 2)}\n\`\`\``;
}

function settingText({ path, property, isRequired }: Setting): string {
  const facts = [`Expected: ${expectedText(property)}.`, isRequired ? requiredText(path) : defaultText(property)];
  const pattern = property.pattern ?? property.items?.pattern;
  const block = pattern === undefined ? '' : `\n\n\`\`\`text\n${pattern}\n\`\`\``;
  return `### ${path}\n\n${property.description ?? ''}\n\n${facts.filter(Boolean).join('\n')}${block}`;
}

function requiredText(path: string): string {
  const parent = path.split('.').slice(0, -1).join('.');
  return parent === '' ? 'Required.' : `Required in \`${parent}\`.`;
}

/** The defaults of an object are those of its members. */
function defaultText({ default: value, properties }: Property): string {
  return value === undefined || properties !== undefined ? '' : `Default: \`${JSON.stringify(value)}\`.`;
}

function expectedText({ type, enum: values, minimum, maximum, maxLength, maxItems, items, pattern }: Property): string {
  if (values !== undefined) return values.map((value) => `\`"${value}"\``).join(' or ');
  if (type === 'boolean') return '`true` or `false`';
  if (type === 'integer') return `a whole number from ${minimum} to ${maximum}`;
  if (type === 'array') return `an array of at most ${maxItems}; each is ${expectedText(items ?? {})}`;
  if (type === 'object') return 'an object';
  const length = maxLength === undefined ? 'text' : `text of at most ${maxLength} characters`;
  return pattern === undefined ? length : `${length} that matches the pattern below`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(page, groupsPage());
