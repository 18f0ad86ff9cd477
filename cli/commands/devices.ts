import { end, positive, tag } from '../arguments.ts';
import { withNotes } from '../help.ts';
import type { Root, Run } from '../root.ts';
import type { ActKind } from '../verbs/device-acts.ts';

const device = ['<DEVICE>', 'id of a device'] as const;

/** The acts on devices, with what each does. */
const acts: readonly (readonly [ActKind, string])[] = [
  ['suspend', 'end the access of devices until they are restored'],
  ['revoke', 'end the access of devices for good'],
  ['restore', 'give suspended devices their access back'],
  ['scrap', 'revoke devices and remove them from their hubs and DPS'],
];

export function deviceCommands(root: Root, run: Run): void {
  root.commandsGroup('Devices:');
  withNotes(
    root
      .command('devices')
      .description('list devices, by id')
      .option('-g, --group <ID>', 'only devices of this enrollment group')
      .option('--job <JOB>', 'only devices that a row of this job holds')
      .option('--status <STATUS>', 'only devices of this status')
      .option('--expires-before <TIME>', 'only devices whose certificate ends before this; 30d is in 30 days', end)
      .option('--prefix <TEXT>', 'only devices whose id begins with this')
      .option('--certificate <HEX>', 'the device with this serial number or thumbprint, now or before')
      .option('--limit <N>', 'at most so many (default: 100 in a table, otherwise all)', positive)
      .action(run(async () => (await import('../verbs/devices.ts')).listDevices)),
    {
      examples: [
        'fleet devices --group line7 --status failed',
        'fleet devices --expires-before 30d',
        'fleet devices --certificate 3a:5f:01',
      ],
    },
  );
  const noun = root.command('device').description('one device, or an act on many');
  withNotes(
    noun
      .command('show')
      .description('show a device: status, certificate, hub, history')
      .argument(...device)
      .action(run(async () => (await import('../verbs/devices.ts')).showDevice)),
    { exits: ['notFound'], examples: ['fleet device show gw-000001'] },
  );
  withNotes(
    noun
      .command('bundle')
      .description('download the bundle of a device, compared with its recorded SHA-256')
      .argument(...device)
      .option('--out <FILE>', 'file or folder to write it to (default: the name of the bundle, here)')
      .action(run(async () => (await import('../verbs/devices.ts')).fetchBundle)),
    {
      exits: ['notFound'],
      about: ['The bundle can hold a private key: the file has mode 0600, and the download is in the audit trail.'],
      examples: ['fleet device bundle gw-000001', 'fleet device bundle gw-000001 --out /media/stick/gw-000001.tar.gz'],
    },
  );
  for (const [act, description] of acts) {
    withNotes(
      noun
        .command(act)
        .description(description)
        .argument('[DEVICE]', 'id of one device; without it, options say which')
        .requiredOption('--reason <TEXT>', 'why; it is in the record and in the audit trail')
        .option('-g, --group <ID>', 'devices of this enrollment group')
        .option('--job <JOB>', 'devices that a row of this job holds')
        .option('--tag <PATH=VALUE>', 'devices whose row has this tag, such as site=berlin', tag)
        .option('--ids-from <FILE>', 'devices of this file, one id per line; - is stdin')
        .option('--per-minute <N>', 'work on at most so many devices per minute', positive)
        .option('--dry-run', 'only count the devices, and say how long it takes')
        .option('-y, --yes', 'do not ask')
        .option('-w, --watch', 'wait until it is done')
        .action(run(async () => (await import('../verbs/device-acts.ts')).actOn(act))),
      {
        exits: ['notFound'],
        about: [
          'Options are combined: a device has to match each. An act on many devices is counted first, and asks before it begins.',
        ],
        examples: [
          `fleet device ${act} gw-000001 --reason "ticket 4711"`,
          `fleet device ${act} --group line7 --tag site=berlin --reason "ticket 4711" --dry-run`,
          `fleet device ${act} --ids-from stolen.txt --reason "ticket 4711" --yes --watch`,
        ],
      },
    );
  }
  withNotes(
    root
      .command('acts')
      .description('list acts on many devices, the latest first')
      .option('--limit <N>', 'at most so many (default: 100 in a table, otherwise all)', positive)
      .action(run(async () => (await import('../verbs/device-acts.ts')).listActs)),
    { examples: ['fleet acts'] },
  );
  const act = root.command('act').description('an act on many devices that goes on');
  const actId = ['<ACT>', 'id of an act, 24 hex digits'] as const;
  withNotes(
    act
      .command('show')
      .description('show an act: status, counts, and the devices that refused')
      .argument(...actId)
      .option('-w, --watch', 'wait until it is done')
      .action(run(async () => (await import('../verbs/device-acts.ts')).showAct)),
    { exits: ['notFound'], examples: ['fleet act show 3f2a9c4e8b1d7a6050c3e9f1 --watch'] },
  );
  withNotes(
    act
      .command('cancel')
      .description('stop an act; devices that it has worked on stay as they are')
      .argument(...actId)
      .action(run(async () => (await import('../verbs/device-acts.ts')).cancelAct)),
    { exits: ['notFound'], examples: ['fleet act cancel 3f2a9c4e8b1d7a6050c3e9f1'] },
  );
}
