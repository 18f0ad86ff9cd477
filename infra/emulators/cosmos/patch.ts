import { badRequest } from './errors.ts';

export interface PatchOperation {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
  readonly from?: string;
}

export interface PatchBody {
  readonly operations: readonly PatchOperation[];
  /** Filter predicate, `FROM c WHERE ...`. The patch is applied only if the document fulfils it. */
  readonly condition?: string;
}

/** "A patch takes at most 10 operations." https://learn.microsoft.com/azure/cosmos-db/partial-document-update */
const maxOperations = 10;

type Container = Record<string | number, unknown>;

/** Applies a partial update to a copy of the document. @throws CosmosError 400 that names the invalid operation */
export function applyPatch(document: Record<string, unknown>, { operations }: PatchBody): Record<string, unknown> {
  if (operations.length === 0) throw badRequest('A patch needs at least one operation.');
  if (operations.length > maxOperations) throw badRequest(`A patch takes at most ${maxOperations} operations.`);
  const patched = structuredClone(document);
  for (const operation of operations) apply(patched, operation);
  return patched;
}

function apply(document: Record<string, unknown>, { op, path, value, from }: PatchOperation): void {
  const refuse = (why: string): never => {
    throw badRequest(`For Operation(${op}): ${why}: ${path}`);
  };
  const { parent, key } = locate(document, path) ?? refuse('the path does not exist');
  if (parent === document && (key === 'id' || String(key).startsWith('_'))) refuse('the property cannot be patched');
  if (key === '__proto__') refuse('the property cannot be patched');
  if (Array.isArray(parent) && key !== '-' && !(/^\d+$/.test(String(key)) && Number(key) <= parent.length)) {
    refuse('the array has no such position');
  }
  if (value === undefined && (op === 'add' || op === 'set' || op === 'replace')) refuse('the operation has no value');
  const exists = Array.isArray(parent) ? Number(key) < parent.length : Object.hasOwn(parent, key);
  switch (op) {
    case 'set':
      if (Array.isArray(parent) && key === '-') parent.push(value);
      else parent[key] = value;
      return;
    case 'add':
      if (!Array.isArray(parent)) parent[key] = value;
      else parent.splice(key === '-' ? parent.length : Number(key), 0, value);
      return;
    case 'replace':
      if (!exists) refuse('there is nothing to replace');
      parent[key] = value;
      return;
    case 'remove':
      if (!exists) refuse('there is nothing to remove');
      if (Array.isArray(parent)) parent.splice(Number(key), 1);
      else delete parent[key];
      return;
    case 'incr': {
      const before = parent[key] ?? 0;
      if (typeof before !== 'number' || typeof value !== 'number') refuse('only numbers can be incremented');
      parent[key] = (before as number) + (value as number);
      return;
    }
    case 'move': {
      const source = locate(document, from ?? '') ?? refuse('the source does not exist');
      if (!Object.hasOwn(source.parent, source.key)) refuse('the source does not exist');
      if (`${path}/`.startsWith(`${from}/`)) refuse('nothing can be moved into itself');
      const moved = source.parent[source.key];
      apply(document, { op: 'remove', path: from ?? '' });
      apply(document, { op: 'add', path, value: moved });
      return;
    }
    default:
      refuse('there is no such operation');
  }
}

function locate(
  document: Record<string, unknown>,
  path: string,
): { parent: Container; key: string | number } | undefined {
  const steps = path
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const key = steps.pop();
  if (key === undefined || !path.startsWith('/')) return undefined;
  let parent: unknown = document;
  for (const step of steps) {
    if (parent === null || typeof parent !== 'object' || !Object.hasOwn(parent, step)) return undefined;
    parent = (parent as Container)[step];
  }
  return parent !== null && typeof parent === 'object' ? { parent: parent as Container, key } : undefined;
}
