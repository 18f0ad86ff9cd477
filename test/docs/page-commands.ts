/*
 * The commands of a page. A block of ```sh has commands. A block of ```text that follows it at once is what they print.
 */

export interface Command {
  /** Line of the page, from 1. */
  readonly line: number;
  /** As the page has it; several lines if it has a continuation, an open quote or a here-document. */
  readonly text: string;
  /** The page says another code in a comment: `# exit code 5`. */
  readonly exitCode: number;
}

export interface CommandBlock {
  readonly commands: readonly Command[];
  /** Lines that the commands of the block print; undefined when the page does not show them. `...` is any number of lines. */
  readonly output?: readonly string[];
}

interface Fence {
  readonly language: string;
  /** Line of the page of the first line of the content, from 1. */
  readonly line: number;
  readonly lines: readonly string[];
  /** Only blank lines are between this block and the one before. */
  readonly follows: boolean;
}

/** @throws Error if a command does not end in its block, or a block is neither `sh` nor `text`: it would not be run */
export function commandsOf(page: string): CommandBlock[] {
  const fences = fencesOf(page);
  const other = fences.find(({ language }) => language !== 'sh' && language !== 'text');
  if (other !== undefined)
    throw new Error(`Line ${other.line - 1}: expected \`\`\`sh or \`\`\`text: ${other.language}`);
  return fences.flatMap((fence, index) => {
    if (fence.language !== 'sh') return [];
    const next = fences[index + 1];
    const output = next?.language === 'text' && next.follows ? next.lines : undefined;
    return [{ commands: split(fence), ...(output !== undefined && { output }) }];
  });
}

function fencesOf(page: string): Fence[] {
  const fences: Fence[] = [];
  let open: { language: string; line: number; lines: string[]; follows: boolean } | undefined;
  let follows = false;
  for (const [index, text] of page.split('\n').entries()) {
    if (open !== undefined) {
      if (text === '```') {
        fences.push(open);
        open = undefined;
        follows = true;
      } else open.lines.push(text);
    } else if (text.startsWith('```')) open = { language: text.slice(3), line: index + 2, lines: [], follows };
    else if (text.trim() !== '') follows = false;
  }
  if (open !== undefined) throw new Error(`Line ${open.line - 1}: the block does not end.`);
  return fences;
}

function split({ line, lines }: Fence): Command[] {
  const commands: Command[] = [];
  let begun: string[] = [];
  for (const [index, text] of lines.entries()) {
    if (begun.length === 0 && text.trim() === '') continue;
    begun.push(text);
    if (!isWhole(begun)) continue;
    commands.push({ line: line + index - begun.length + 1, text: begun.join('\n'), exitCode: exitCodeOf(begun) });
    begun = [];
  }
  if (begun.length > 0) throw new Error(`Line ${line}: the block ends within a command: ${begun[0]}`);
  return commands;
}

/** Whether the shell would run these lines, and not wait for more of them. */
function isWhole(lines: readonly string[]): boolean {
  const [, mark] = /<<'?(\w+)'?/.exec(lines[0] ?? '') ?? [];
  if (mark !== undefined) return lines.length > 1 && lines.at(-1) === mark;
  const quotes = lines.join('\n').replaceAll(/[^']/g, '').length;
  return quotes % 2 === 0 && !lines.at(-1)?.endsWith('\\');
}

function exitCodeOf(lines: readonly string[]): number {
  return Number(/# exit code (\d+)/.exec(lines.join('\n'))?.[1] ?? 0);
}

/**
 * Compares what was printed with what the page shows. Ids, times, hashes and names of hubs differ in each run; so does the
 * white space between columns, which depends on them.
 * @returns the first line of the page that was not printed there; undefined when all were
 */
export function missingLine(shown: readonly string[], printed: readonly string[]): string | undefined {
  const lines = printed.map(stable).filter((line) => line !== '');
  let next = 0;
  let anywhere = false;
  for (const text of shown) {
    const line = stable(text);
    if (line === '') continue;
    if (line === '...') {
      anywhere = true;
      continue;
    }
    const found = anywhere ? lines.indexOf(line, next) : lines[next] === line ? next : -1;
    if (found < 0) return text;
    next = found + 1;
    anywhere = false;
  }
  return anywhere || next === lines.length
    ? undefined
    : `the end, but this was printed: ${printed.filter((line) => stable(line) !== '')[next]}`;
}

function stable(line: string): string {
  return line
    .replaceAll(/\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?( UTC|Z)?/g, 'TIME')
    .replaceAll(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, 'ID')
    .replaceAll(/\b([0-9a-f]{24,}|[0-9A-F]{24,})\b/g, 'ID')
    .replaceAll(/whsec_[\w+/=]+/g, 'SECRET')
    .replaceAll(/wh-[0-9a-f]{16}/g, 'ID')
    .replaceAll(/\bhub-[12]\b/g, 'HUB')
    .replaceAll(/localhost:\d+/g, 'ADDRESS')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
