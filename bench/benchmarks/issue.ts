import { type Benchmark, type Findings, measured, median, type Run, ratios } from '../benchmark.ts';
import { compare } from '../harness/compare.ts';
import { profileOfSubject } from '../harness/profile.ts';

/** Certificates between two readings of the clock: about 3 ms of work. */
const batch = 64;

export const issueP256: Benchmark = {
  name: 'issue-p256',
  what:
    'Identities per second on one core, with keys, encodings and all rules. The limit is only ' +
    '`createECDH().generateKeys()` and `crypto.sign`. The openssl process is `openssl req -x509 -newkey -CA`.',

  async run(run: Run): Promise<Findings> {
    const { limit, ours, peculiar, openssl } = await compare(
      {
        limit: { name: 'p256-limit', batch },
        ours: { name: 'p256-ours', batch },
        peculiar: { name: 'p256-peculiar' },
        openssl: { name: 'p256-openssl' },
      },
      run,
    );
    const unit = 'certificates/s';
    const measurements = [
      measured('of the limit', 'ratio', ratios(ours.perSecond, limit.perSecond), { atLeast: 0.88 }),
      measured('of plain @peculiar/x509', 'ratio', ratios(ours.perSecond, peculiar.perSecond), { atLeast: 20 }),
      measured('of one openssl process per device', 'ratio', ratios(ours.perSecond, openssl.perSecond), {
        atLeast: 80,
      }),
      measured('lib/pki', unit, ours.perSecond),
      measured('limit', unit, limit.perSecond),
      measured('plain @peculiar/x509', unit, peculiar.perSecond),
      measured('one openssl process per device', unit, openssl.perSecond),
    ];
    if (measurements[0]?.met) return { measurements };
    return { measurements, profile: await profileOfSubject({ name: 'p256-ours', batch }) };
  },
};

export const issueP256OnTwo: Benchmark = {
  name: 'issue-p256-2',
  what: 'The same with worker threads, in batches of 64.',

  async run(run: Run): Promise<Findings> {
    const { one, two } = await compare(
      {
        one: { name: 'p256-threads', argument: '1', cores: 1, batch: 1024 },
        two: { name: 'p256-threads', argument: '2', cores: 2, batch: 1024 },
      },
      run,
    );
    return {
      measurements: [
        measured('of one core', 'ratio', ratios(two.perSecond, one.perSecond), { atLeast: 1.7 }),
        measured('two threads, two cores', 'certificates/s', two.perSecond),
        measured('one thread, one core', 'certificates/s', one.perSecond),
      ],
    };
  },
};

export const issueCsr: Benchmark = {
  name: 'issue-csr',
  what:
    'Certificate requests per second on one core: read from PEM, verified and signed. Compared with `crypto.verify` ' +
    'and `crypto.sign` alone, and with the import of the key, which each request needs.',

  async run(run: Run): Promise<Findings> {
    const { limit, imported, ours } = await compare(
      {
        limit: { name: 'csr-limit', batch },
        imported: { name: 'csr-limit', argument: 'import', batch },
        ours: { name: 'csr-ours', batch },
      },
      run,
    );
    const measurements = [
      measured('of verify and sign', 'ratio', ratios(ours.perSecond, limit.perSecond), { atLeast: 0.6 }),
      measured('of import, verify and sign', 'ratio', ratios(ours.perSecond, imported.perSecond), { atLeast: 0.6 }),
      measured('lib/pki', 'certificates/s', ours.perSecond),
      measured('verify and sign', 'certificates/s', limit.perSecond),
      measured('import, verify and sign', 'certificates/s', imported.perSecond),
    ];
    if (measurements[0]?.met) return { measurements };
    const reachable = median(ratios(imported.perSecond, limit.perSecond)).toFixed(2);
    const bound =
      `the import of the key: a request has its key as octets, which OpenSSL must import. Verify and sign with that import ` +
      `alone reach ${reachable} of verify and sign without it.`;
    return { measurements, bound, profile: await profileOfSubject({ name: 'csr-ours', batch }) };
  },
};
