/** A resource of an evaluated template. Its other members are what would be sent to Azure. */
export interface PredictedResource {
  readonly id: string;
}

type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/**
 * What differs between two lists of resources, a line each: `+ id` and `- id` for whole resources, `~ id: path: old -> new` for a member.
 * The order of the resources does not count.
 */
export function differences(before: readonly PredictedResource[], after: readonly PredictedResource[]): string[] {
  const [old, current] = [byId(before), byId(after)];
  const ids = [...new Set([...old.keys(), ...current.keys()])].sort();
  return ids.flatMap((id) => {
    const [one, other] = [old.get(id), current.get(id)];
    if (one === undefined) return [`+ ${id}`];
    if (other === undefined) return [`- ${id}`];
    return changes(one, other, '').map((change) => `~ ${id}: ${change}`);
  });
}

/** Two resources can have one id only by a fault of the template. The second one gets a mark. */
function byId(resources: readonly PredictedResource[]): Map<string, Json> {
  const found = new Map<string, Json>();
  for (const resource of resources) {
    let { id } = resource;
    while (found.has(id)) id += ' (again)';
    found.set(id, resource as unknown as Json);
  }
  return found;
}

function changes(before: Json | undefined, after: Json | undefined, path: string): string[] {
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return names.flatMap((name) => changes(before[name], after[name], path === '' ? name : `${path}.${name}`));
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return before.flatMap((item, index) => changes(item, after[index], `${path}[${index}]`));
  }
  const [old, current] = [JSON.stringify(before), JSON.stringify(after)];
  return old === current ? [] : [`${path}: ${short(old)} -> ${short(current)}`];
}

function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function short(text = 'nothing'): string {
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}
