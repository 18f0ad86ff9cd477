/** What Cosmos adds to a document; none of it is ours to show or to write back. */
export interface SystemProperties {
  readonly _etag: string;
}

/** The document without what Cosmos added. */
export function withoutSystemProperties<T extends object>(document: T & Partial<SystemProperties>): T {
  const plain: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(document)) {
    if (!key.startsWith('_')) plain[key] = value;
  }
  return plain as T;
}
