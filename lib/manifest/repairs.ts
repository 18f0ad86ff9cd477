/** How a repair or warning reads, and the unit in which it is counted. */
interface Description {
  /** What was found and what was done. */
  readonly text: string;
  readonly unit: 'files' | 'lines' | 'sheets' | 'rows' | 'columns' | 'cells';
}

/**
 * All that the reader repairs. It repairs what has one meaning only, and counts each repair. These are found where the file
 * is split.
 */
const fileRepairs = {
  bom: { text: 'more than one byte order mark: skipped', unit: 'files' },
  'utf-16': { text: 'UTF-16 with a byte order mark: decoded', unit: 'files' },
  'sep-line': { text: 'first line `sep=;`: taken as the delimiter', unit: 'lines' },
  'line-ends': { text: 'line ends with CR alone, or with several CR: taken as one line end', unit: 'lines' },
  'blank-rows': { text: 'rows of delimiters or blanks: skipped', unit: 'rows' },
  tail: { text: 'zero bytes at the end of the file: skipped', unit: 'files' },
  'header-names': {
    text: 'column names in other spelling, such as `Device ID` or `device_id`: matched',
    unit: 'columns',
  },
  'empty-columns': { text: 'columns without a name: skipped while their cells are empty', unit: 'columns' },
} as const satisfies Record<string, Description>;

/** The repairs that are found where rows are read. */
const rowRepairs = {
  'extra-cells': { text: 'empty cells behind the last column: skipped', unit: 'rows' },
  'trimmed-cells': { text: 'blanks, no-break spaces or zero-width characters around a value: removed', unit: 'cells' },
  'text-marks': { text: 'marks of spreadsheets for text, `="00124"` or `\'00124`: read as `00124`', unit: 'cells' },
  nfc: { text: 'letters and accents as separate characters: composed (Unicode NFC)', unit: 'cells' },
  'csr-writing': { text: 'a CSR in an unusual writing, such as `\\n` in place of line ends: decoded', unit: 'cells' },
  'folded-ids': {
    text: 'device ids in upper case, for a group with `deviceIdCase` `fold`: lower-cased',
    unit: 'cells',
  },
} as const satisfies Record<string, Description>;

/** Values that are accepted and may be wrong. */
const warnings = {
  'leading-zeros': {
    text: 'device ids of digits only that are shorter than others: leading zeros may be lost',
    unit: 'rows',
  },
  'date-numbers': {
    text: 'device ids such as `44256`, where all ids are numbers: they may be dates as a spreadsheet counts days',
    unit: 'rows',
  },
  'lost-digits': {
    text: 'numbers of more than 16 digits that end with zeros: a spreadsheet keeps 15 digits',
    unit: 'cells',
  },
  'empty-words': { text: 'values such as `NULL`, `N/A` or `-`: taken as text', unit: 'cells' },
} as const satisfies Record<string, Description>;

/** What a sheet shows in another way than a list can, or does not show. */
const sheetWarnings = {
  'other-sheets': { text: 'further sheets with values, hidden ones included: not read', unit: 'sheets' },
  'hidden-rows': { text: 'rows that the sheet hides, by hand or by a filter: read like any other', unit: 'rows' },
  'hidden-columns': { text: 'columns that the sheet hides: read like any other', unit: 'columns' },
  'merged-cells': {
    text: 'cells merged within a row: the first one has the value, the others are empty',
    unit: 'cells',
  },
  'formula-cells': { text: 'formulas: the value that was saved with them is taken, none is calculated', unit: 'cells' },
  'date-cells': { text: 'dates and times: written as `2026-03-01`; they may have been another text', unit: 'cells' },
  'number-cells': {
    text: 'numbers that the sheet shows shorter or with other signs, `3.52E+14` or `1,234`: taken in full',
    unit: 'cells',
  },
} as const satisfies Record<string, Description>;

export type FileRepair = keyof typeof fileRepairs;
export type RowRepair = keyof typeof rowRepairs | keyof typeof warnings;
export type RepairName = FileRepair | RowRepair | keyof typeof sheetWarnings;

/** How often each repair was made and each warning found. A name is absent when its count is 0. */
export type Repairs = Readonly<Partial<Record<RepairName, number>>>;

/** Each repair with its description, in the order of docs/manifests.md. */
export const repairDescriptions: Readonly<Partial<Record<RepairName, Description>>> = { ...fileRepairs, ...rowRepairs };

/** Each warning with its description, in the order of docs/manifests.md. */
export const warningDescriptions: Readonly<Partial<Record<RepairName, Description>>> = {
  ...warnings,
  ...sheetWarnings,
};

/** Counts repairs. */
export interface RepairCount {
  /** @param times 1 when absent */
  add(name: RepairName, times?: number): void;
  readonly repairs: Repairs;
}

export function createRepairCount(): RepairCount {
  const repairs: Partial<Record<RepairName, number>> = {};
  return {
    repairs,
    add(name, times = 1) {
      if (times > 0) repairs[name] = (repairs[name] ?? 0) + times;
    },
  };
}

/** The counts of both. */
export function addRepairs(one: Repairs, other: Repairs): Repairs {
  const sum = createRepairCount();
  for (const [name, times] of [...Object.entries(one), ...Object.entries(other)]) sum.add(name as RepairName, times);
  return sum.repairs;
}

/** Splits the counts of a job into what was repaired and what should be checked. */
export function repairsAndWarnings(counts: Repairs): { readonly repairs: Repairs; readonly warnings: Repairs } {
  const named = (descriptions: object): Repairs =>
    Object.fromEntries(Object.entries(counts).filter(([name]) => Object.hasOwn(descriptions, name)));
  return { repairs: named(repairDescriptions), warnings: named(warningDescriptions) };
}
