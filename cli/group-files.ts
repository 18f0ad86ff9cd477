import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { usageError } from './errors.ts';

/** An enrollment group as a file declares it. */
export interface DeclaredGroup {
  readonly id: string;
  readonly definition: Readonly<Record<string, unknown>>;
  readonly file: string;
}

const suffixes = ['.json', '.yaml', '.yml'];
/** A definition is at most 1 MiB (functions/http/enrollment-groups.ts). */
const maxBytes = 1024 * 1024;

/**
 * Reads the groups of a folder, or of one file: one group per file, in JSON or YAML. The member `id`, or else the name of the
 * file, is the id of the group.
 * @throws CliError with every file that is wrong
 */
export async function readGroups(path: string): Promise<DeclaredGroup[]> {
  const files = (await stat(path)).isDirectory()
    ? (await readdir(path)).filter((name) => suffixes.includes(extname(name))).map((name) => join(path, name))
    : [path];
  if (files.length === 0) throw usageError(`${path} has no file of a group.`, 'Expected *.json, *.yaml or *.yml.');
  const faults: string[] = [];
  const groups: DeclaredGroup[] = [];
  for (const file of files.sort()) {
    const group = await readGroup(file);
    if (typeof group === 'string') faults.push(`${file}: ${group}`);
    else groups.push(group);
  }
  for (const [id, all] of Map.groupBy(groups, (group) => group.id)) {
    if (all.length > 1) faults.push(`${all.map(({ file }) => file).join(', ')}: all declare the group ${id}`);
  }
  if (faults.length > 0) throw usageError(`The files have faults:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
  return groups;
}

/** @returns the group, or what is wrong with its file */
async function readGroup(file: string): Promise<DeclaredGroup | string> {
  const text = await readFile(file, 'utf8');
  if (text.length > maxBytes) return 'it is larger than 1 MiB';
  // YAML has JSON in it; this reader refuses a member that stands twice, and bounds aliases.
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined) return error.message.split('\n')[0] ?? 'it is not YAML';
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'expected one object';
  const { id = basename(file, extname(file)), ...definition } = value as Record<string, unknown>;
  if (typeof id !== 'string' || !/^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/.test(id)) {
    return `"${String(id)}" is not an id of a group: 1 to 64 of a-z, 0-9, "-", "." and "_"`;
  }
  return { id, definition, file };
}
