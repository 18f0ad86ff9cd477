import { Option } from '@commander-js/extra-typings';
import { positive } from '../arguments.ts';
import { withNotes } from '../help.ts';
import type { Root, Run } from '../root.ts';

const serial = ['<SERIAL>', 'serial number of the CA, 32 hex digits'] as const;
const limit = ['--limit <N>', 'at most so many (default: 100 in a table, otherwise all)', positive] as const;
const example = '5f0c6f0e8f1f4d6b9f5a1c2e3d4b5a69';

export function delegatedCaCommands(root: Root, run: Run): void {
  withNotes(
    root
      .command('delegated-cas')
      .description('list CAs that workers made for themselves (docs/delegated-issuing.md)')
      .option('-g, --group <ID>', 'only those of this enrollment group')
      .addOption(new Option('--state <WORD>').choices(['open', 'ended', 'blocked'] as const))
      .option(...limit)
      .action(run(async () => (await import('../verbs/delegated-cas.ts')).listDelegatedCas)),
    { examples: ['fleet delegated-cas --state open', 'fleet delegated-cas --group line7 --json'] },
  );
  const noun = root.command('delegated-ca').description('one CA that a worker made for itself');
  withNotes(
    noun
      .command('show')
      .description('show a delegated CA: worker, life, end')
      .argument(...serial)
      .action(run(async () => (await import('../verbs/delegated-cas.ts')).showDelegatedCa)),
    { exits: ['notFound'], examples: [`fleet delegated-ca show ${example}`] },
  );
  withNotes(
    noun
      .command('devices')
      .description('list devices that work with a certificate of it')
      .argument(...serial)
      .option(...limit)
      .action(run(async () => (await import('../verbs/delegated-cas.ts')).listDevicesOfCa)),
    { exits: ['notFound'], examples: [`fleet delegated-ca devices ${example} -o csv > devices.csv`] },
  );
  withNotes(
    noun
      .command('block')
      .description('make DPS and the EST server refuse its certificates, for good')
      .argument(...serial)
      .requiredOption('--reason <TEXT>', 'why; it is in the record and in the audit trail')
      .option('-y, --yes', 'do not ask')
      .action(run(async () => (await import('../verbs/delegated-cas.ts')).blockDelegatedCa)),
    {
      exits: ['notFound'],
      about: ['Devices that are connected stay so until they register again. Issue them again before that.'],
      examples: [`fleet delegated-ca block ${example} --reason "memory of a worker was read"`],
    },
  );
  withNotes(
    noun
      .command('reissue')
      .description('issue the devices again that work with a certificate of it')
      .argument(...serial)
      .option('--list', 'write the list as NDJSON and submit nothing')
      .option('-y, --yes', 'do not ask')
      .action(run(async () => (await import('../verbs/delegated-cas.ts')).reissueDevicesOfCa)),
    {
      exits: ['notFound'],
      about: ['It shows the number of devices and the estimate, and asks, before it submits the list.'],
      examples: [`fleet delegated-ca reissue ${example}`, `fleet delegated-ca reissue ${example} --list > list.ndjson`],
    },
  );
}
