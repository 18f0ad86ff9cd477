import { z } from 'zod';
import { enrollmentGroupId } from '../devices/ids.ts';
import { twinFaults } from '../devices/twin.ts';
import { FleetError } from '../errors.ts';

/**
 * What a user declares of an enrollment group (PUT /api/enrollment-groups/{id}). The names are those of DPS where DPS has
 * one (service API 2021-10-01); the rest says how identities are issued and what their bundles install.
 */

const days = (least: number, most: number) => z.int().min(least).max(most);

const twinDocument = z.record(z.string(), z.json());

const initialTwin = z
  .strictObject({ tags: twinDocument.default({}), desired: twinDocument.default({}) })
  .check((context) => {
    for (const fault of twinFaults(context.value)) {
      context.issues.push({
        code: 'custom',
        message: fault.message,
        path: fault.path.split('.'),
        input: context.value,
      });
    }
  })
  .describe('Twin that DPS gives every device of the group at its first assignment.');

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
      keyType: z.enum(['ec-p256', 'ec-p384', 'rsa-4096']).default('ec-p256'),
      validityDays: days(30, 7300).default(1825),
    })
    .prefault({})
    .describe('The intermediate CA that is made for the group at its first use.'),
  target: z
    .enum(['iotedge-1.6', 'iotedge-1.5', 'iotedge-1.4', 'iotedge-1.2', 'iotedge-1.1', 'dps-device'])
    .default('iotedge-1.6')
    .describe('What a bundle installs on.'),
  recipients: z
    .array(z.string())
    .max(10)
    .default([])
    .describe('PEM certificates that sealed bundles are encrypted to (CMS EnvelopedData).'),
  autoReprovisioningMode: z
    .enum(['Dynamic', 'AlwaysOnStartup', 'OnErrorOnly'])
    .default('Dynamic')
    .describe('IoT Edge `auto_reprovisioning_mode`.'),
  initialTwin: initialTwin.prefault({}),
  provisioningStatus: z.enum(['enabled', 'disabled']).default('enabled'),
  allocationPolicy: z.enum(['hashed', 'geoLatency', 'static', 'custom']).default('hashed'),
  iotHubs: z
    .array(z.string().regex(/^[a-zA-Z0-9.-]+(:\d+)?$/, 'a host name'))
    .max(50)
    .default([])
    .describe('Host names of linked hubs; all linked hubs when empty.'),
  customAllocation: z
    .strictObject({ webhookUrl: z.url(), apiVersion: z.string().default('2021-10-01') })
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
  const faults = enrollmentGroupId.test(id)
    ? []
    : [{ path: 'id', message: '1 to 64 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit' }];
  const parsed = schema.safeParse(input);
  if (!parsed.success) {
    faults.push(
      ...parsed.error.issues.map((issue) => ({ path: issue.path.join('.') || '(body)', message: issue.message })),
    );
  } else {
    faults.push(...crossFieldFaults(parsed.data));
  }
  if (faults.length > 0 || !parsed.success) {
    const list = faults.map((fault) => `${fault.path}: ${fault.message}`).join('; ');
    throw new FleetError(
      'group-invalid',
      `The definition of group "${id.slice(0, 128)}" has ${faults.length} faults: ${list}`,
      { faults },
    );
  }
  return { ...parsed.data, id };
}

function crossFieldFaults(group: z.output<typeof schema>): { path: string; message: string }[] {
  const faults: { path: string; message: string }[] = [];
  if (group.keyCustody === 'sealed' && group.recipients.length === 0) {
    faults.push({ path: 'recipients', message: 'keyCustody "sealed" needs at least one recipient certificate' });
  }
  if (group.keyCustody !== 'sealed' && group.recipients.length > 0) {
    faults.push({ path: 'recipients', message: 'only keyCustody "sealed" encrypts to recipients' });
  }
  if ((group.allocationPolicy === 'custom') !== (group.customAllocation !== undefined)) {
    faults.push({ path: 'customAllocation', message: 'goes with allocationPolicy "custom", and only with it' });
  }
  if (group.allocationPolicy === 'static' && group.iotHubs.length !== 1) {
    faults.push({ path: 'iotHubs', message: 'allocationPolicy "static" needs exactly one hub' });
  }
  return faults;
}
