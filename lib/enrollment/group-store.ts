import type { Stored } from '../stored.ts';
import type { GroupRecord } from './group.ts';
import type { RootCa } from './root-ca.ts';

/** Enrollment groups and the root CA. DPS takes 100 X.509 groups, so all of them fit in memory. Adapters: lib/azure/cosmos-groups.ts. */
export interface GroupStore {
  all(): Promise<Stored<GroupRecord>[]>;
  read(id: string): Promise<Stored<GroupRecord> | undefined>;
  /** @returns the etag, or undefined when the group exists */
  create(group: GroupRecord): Promise<string | undefined>;
  /** @returns the new etag, or undefined when the record had changed since it was read */
  replace(group: Stored<GroupRecord>): Promise<string | undefined>;
  /** The root CA, once there is one. */
  readRoot(): Promise<Stored<RootCa> | undefined>;
  /** Keeps the first root that is offered. @returns the one that is kept */
  keepRoot(root: RootCa): Promise<Stored<RootCa>>;
  /** @returns the new etag, or undefined when the root had changed since it was read */
  replaceRoot(root: Stored<RootCa>): Promise<string | undefined>;
}
