import { once } from 'node:events';
import { styleText } from 'node:util';
import type { Terminal } from './terminal.ts';
import { grouped, localTime, safe, zoneName } from './text.ts';

/*
 * Data on stdout, in the form that was asked for. A table has local times and is cut for people; the other forms have what
 * the API answers, in UTC and in full.
 */

export const formats = ['table', 'json', 'jsonl', 'csv'] as const;
export type Format = (typeof formats)[number];

type Cell = string | number | boolean | undefined;

export interface Column<Item> {
  readonly name: string;
  readonly value: (item: Item) => Cell;
  /** `time`: ISO 8601, shown as local time. `status`: coloured. */
  readonly kind?: 'time' | 'status';
}

export interface Output {
  readonly format: Format;
  /** Whether a person reads the data. */
  readonly isTable: boolean;
  /** Writes items as they come. @returns how many there were */
  rows<Item>(columns: readonly Column<Item>[], items: AsyncIterable<Item> | Iterable<Item>): Promise<number>;
  /** Writes one item: for people what `text` says of it, otherwise the item itself. */
  one<Item extends object>(item: Item, text: (item: Item) => readonly Line[]): Promise<void>;
  /** Writes text or bytes as they are. */
  raw(chunk: string | Uint8Array): Promise<void>;
}

/** A label and its value, or a line of text. A value that is undefined is left out. */
export type Line = readonly [label: string, value: Cell, kind?: 'time' | 'status'] | string;

/** Rows of a table that are measured before the first is written. */
const measured = 200;

export function createOutput(terminal: Terminal, format: Format, { color }: { color: boolean }): Output {
  const { stdout, timeZone } = terminal;
  const isColored = color && terminal.isTerminal.stdout && !terminal.env['NO_COLOR'] && terminal.env['TERM'] !== 'dumb';
  const zone = zoneName(timeZone, terminal.now());

  async function raw(chunk: string | Uint8Array): Promise<void> {
    if (chunk.length > 0 && !stdout.write(chunk)) await once(stdout, 'drain', { signal: terminal.signal });
  }

  function status(word: string): string {
    const color = colorOf(word);
    return isColored && color !== undefined ? styleText(color, word, { validateStream: false }) : word;
  }

  function shown<Item>({ value, kind }: Column<Item>, item: Item): string {
    const cell = value(item);
    if (cell === undefined) return '';
    if (typeof cell === 'number') return grouped(cell);
    return kind === 'time' ? localTime(String(cell), timeZone) : safe(String(cell));
  }

  async function table<Item>(columns: readonly Column<Item>[], items: AsyncIterable<Item> | Iterable<Item>) {
    const names = columns.map(({ name, kind }) => (kind === 'time' ? `${name} (${zone})` : name).toUpperCase());
    const isNumber = columns.map(() => false);
    let widths: number[] | undefined;
    let waiting: string[][] = [];
    let count = 0;
    const line = (cells: readonly string[]) =>
      cells
        .map((cell, index) => {
          const width = widths?.[index] ?? 0;
          const padded = isNumber[index] ? cell.padStart(width) : cell.padEnd(width);
          return columns[index]?.kind === 'status' && widths !== undefined
            ? padded.replace(cell, () => status(cell))
            : padded;
        })
        .join('  ')
        .trimEnd();
    async function flush(): Promise<void> {
      widths ??= names.map((name, index) =>
        Math.max(name.length, ...waiting.map((cells) => cells[index]?.length ?? 0)),
      );
      if (count === waiting.length) await raw(`${line(names)}\n`);
      for (const cells of waiting) await raw(`${line(cells)}\n`);
      waiting = [];
    }
    for await (const item of items) {
      count += 1;
      waiting.push(columns.map((column) => shown(column, item)));
      if (count === 1)
        for (const [index, { value }] of columns.entries()) isNumber[index] = typeof value(item) === 'number';
      if (waiting.length >= (widths === undefined ? measured : 1)) await flush();
    }
    if (waiting.length > 0) await flush();
    return count;
  }

  async function csv<Item>(columns: readonly Column<Item>[], items: AsyncIterable<Item> | Iterable<Item>) {
    const { stringify } = await import('csv-stringify/sync');
    // A cell that begins like a formula gets an apostrophe, as in the reports of the API.
    const line = (cells: readonly Cell[]) =>
      stringify([[...cells]], { escape_formulas: true, cast: { boolean: String } });
    await raw(line(columns.map(({ name }) => name)));
    let count = 0;
    for await (const item of items) {
      count += 1;
      await raw(line(columns.map(({ value }) => value(item))));
    }
    return count;
  }

  /** Lines in which all values begin at the same place. */
  function aligned(lines: readonly Line[]): string[] {
    const labels = lines.flatMap((line) => (typeof line === 'string' || line[1] === undefined ? [] : [line[0].length]));
    const width = Math.max(0, ...labels);
    return lines.flatMap((line) => {
      if (typeof line === 'string') return [safe(line)];
      const [label, value, kind] = line;
      if (value === undefined) return [];
      return [`${label.padEnd(width)}  ${worded(value, kind)}`];
    });
  }

  function worded(value: Exclude<Cell, undefined>, kind?: 'time' | 'status'): string {
    if (typeof value === 'number') return grouped(value);
    const text = safe(String(value));
    if (kind === 'time') return `${localTime(text, timeZone)} ${zone}`;
    return kind === 'status' ? status(text) : text;
  }

  async function json<Item>(items: AsyncIterable<Item> | Iterable<Item>) {
    let count = 0;
    for await (const item of items) {
      await raw(`${count === 0 ? '[' : ','}\n  ${JSON.stringify(item)}`);
      count += 1;
    }
    await raw(count === 0 ? '[]\n' : '\n]\n');
    return count;
  }

  async function jsonl<Item>(items: AsyncIterable<Item> | Iterable<Item>) {
    let count = 0;
    for await (const item of items) {
      await raw(`${JSON.stringify(item)}\n`);
      count += 1;
    }
    return count;
  }

  return {
    format,
    isTable: format === 'table',
    raw,
    rows(columns, items) {
      if (format === 'json') return json(items);
      if (format === 'jsonl') return jsonl(items);
      return format === 'csv' ? csv(columns, items) : table(columns, items);
    },
    async one(item, text) {
      if (format === 'json') await raw(`${JSON.stringify(item, undefined, 2)}\n`);
      else if (format === 'jsonl') await raw(`${JSON.stringify(item)}\n`);
      else if (format === 'csv') {
        const columns = leaves(item).map(([name, value]) => ({ name, value: () => value }));
        await csv(columns, [item]);
      } else await raw(`${aligned(text(item)).join('\n')}\n`);
    },
  };
}

/** The members of an object with their paths; lists as JSON. @example leaves({ a: { b: 1 } }) // [['a.b', 1]] */
function leaves(value: object, prefix = ''): [string, Cell][] {
  return Object.entries(value).flatMap(([name, member]): [string, Cell][] => {
    if (Array.isArray(member)) return [[`${prefix}${name}`, JSON.stringify(member)]];
    if (typeof member === 'object' && member !== null) return leaves(member, `${prefix}${name}.`);
    return [[`${prefix}${name}`, member as Cell]];
  });
}

const good = ['completed', 'checked', 'assigned', 'enrolled', 'ok', 'provisioned', 'done', 'intact'];
const bad = ['failed', 'refused', 'revoked', 'scrapped', 'critical', 'high', 'FAULT', 'failing'];
const doubtful = ['completedWithErrors', 'suspended', 'closing', 'opening', 'pending', 'medium', 'warning'];

function colorOf(word: string): 'green' | 'red' | 'yellow' | undefined {
  if (good.includes(word)) return 'green';
  if (bad.includes(word)) return 'red';
  return doubtful.includes(word) ? 'yellow' : undefined;
}
