/** A part of the code that is mutated with its own tests. */
export interface MutatedFolder {
  /** The folder, or the files beside the folders. */
  readonly path: string;
  /** Folders and files of the tests that have to notice. Those that do not run a mutated line are left out by themselves. */
  readonly tests: readonly string[];
  /** Percent of the mutants that a test has to notice. */
  readonly least: number;
}

/** Most texts are sentences of errors and logs. Tests hold their codes, and the parts that a user acts on. */
export const excludedMutations = ['StringLiteral'] as const;

/** What a user relies on is held by the tests of the folder itself, so few others are named: they are slow, and hide its gaps. */
const folder = (path: string, ...more: readonly string[]): MutatedFolder => ({
  path,
  tests: [`test/${path}`, ...more],
  least: 92,
});

export const folders: readonly MutatedFolder[] = [
  folder('lib/access'),
  folder('lib/audit'),
  folder('lib/authorities', 'test/lib/enrollment'),
  folder('lib/azure'),
  folder('lib/bundle'),
  folder('lib/devices', 'test/lib/pipeline'),
  folder('lib/enrollment', 'test/lib/pipeline'),
  folder('lib/events', 'test/property/events.test.ts'),
  folder('lib/findings', 'test/lib/pipeline', 'test/property/findings.test.ts'),
  folder('lib/groups'),
  folder('lib/jobs', 'test/lib/pipeline'),
  folder('lib/manifest', 'test/property'),
  folder('lib/orders'),
  folder('lib/pipeline'),
  folder('lib/pki', 'test/property/certificates.test.ts', 'test/lib/pipeline/alternative-names.test.ts'),
  { path: 'lib/*.ts', tests: ['test/lib/*.test.ts'], least: 92 },
  folder('functions', 'test/e2e/queries.test.ts'),
  folder('cli'),
  { path: 'infra/emulators/bin', tests: ['test/infra/emulators'], least: 92 },
  ...['cosmos', 'dps', 'event-grid', 'functions-host'].map((name) => folder(`infra/emulators/${name}`)),
  folder('infra/emulators/key-vault', 'test/lib/azure/key-vault.contract.test.ts', 'test/lib/azure/key-vault.test.ts'),
  { path: 'infra/emulators/*.ts', tests: ['test/infra/emulators/*.test.ts', 'test/infra/emulators/dps'], least: 92 },
  folder('infra/local', 'test/e2e/ways-in.test.ts'),
];

/** A mutant that no test can notice, since the program does the same. */
export interface EquivalentMutant {
  readonly file: string;
  /** The line of the code as it is, trimmed. */
  readonly line: string;
  /** The code of the mutant, as the report shows it. */
  readonly replacement: string;
  readonly reason: string;
}

export const equivalentMutants: readonly EquivalentMutant[] = [
  {
    file: 'lib/audit/about.ts',
    line: "return typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, AuditValue>)[member] : undefined;",
    replacement: 'true',
    reason: 'Texts, numbers and lists have no member of that name.',
  },
  {
    file: 'lib/authorities/ca-checks.ts',
    line: 'if (endsBefore !== undefined && notAfter.date >= endsBefore)',
    replacement: 'true',
    reason: 'No date is later than undefined.',
  },
  {
    file: 'lib/events/file-secret-store.ts',
    line: 'remove: (name) => reporting(() => rm(pathOf(name), { force: true })),',
    replacement: '{}',
    reason: 'Without "force" a missing file is ENOENT, which the function around it takes for removed.',
  },
];
