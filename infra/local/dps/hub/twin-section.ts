import type { JsonObject } from '../entries/entry.ts';

/** Desired or reported properties with the bookkeeping that IoT Hub keeps beside them. */
export interface TwinSection {
  readonly values: JsonObject;
  /** A tree beside `values`: `$lastUpdated` (and for desired properties `$lastUpdatedVersion`) at every node. */
  readonly metadata: JsonObject;
  readonly version: number;
}

export function newSection(values: JsonObject, time: string): TwinSection {
  return { values, metadata: stamp(values, time, 1), version: 1 };
}

/** Merges as IoT Hub does: objects member by member, null removes, anything else replaces. */
export function patchSection(section: TwinSection, patch: JsonObject, time: string): TwinSection {
  const version = section.version + 1;
  return {
    values: mergePatch(section.values, patch),
    metadata: mergeMetadata(section.metadata, patch, time, version),
    version,
  };
}

export function replaceSection(section: TwinSection, values: JsonObject, time: string): TwinSection {
  const version = section.version + 1;
  return { values: mergePatch({}, values), metadata: stamp(values, time, version), version };
}

export function showSection({ values, metadata, version }: TwinSection): JsonObject {
  return { ...values, $metadata: metadata, $version: version };
}

export function mergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  const result = new Map(Object.entries(target));
  for (const [key, value] of Object.entries(patch)) {
    const current = result.get(key);
    if (value === null) result.delete(key);
    else if (isObject(value)) result.set(key, mergePatch(isObject(current) ? current : {}, value));
    else result.set(key, value);
  }
  return Object.fromEntries(result);
}

function mergeMetadata(metadata: JsonObject, patch: JsonObject, time: string, version: number): JsonObject {
  const result = new Map(Object.entries({ ...metadata, ...stampHere(time, version) }));
  for (const [key, value] of Object.entries(patch)) {
    const current = result.get(key);
    if (value === null) result.delete(key);
    else if (isObject(value)) result.set(key, mergeMetadata(isObject(current) ? current : {}, value, time, version));
    else result.set(key, stampHere(time, version));
  }
  return Object.fromEntries(result);
}

function stamp(values: JsonObject, time: string, version: number): JsonObject {
  return mergeMetadata({}, values, time, version);
}

function stampHere(time: string, version: number): JsonObject {
  return { $lastUpdated: time, $lastUpdatedVersion: version };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
