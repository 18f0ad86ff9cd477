import type { Page, Stored } from '../stored.ts';
import type { DeviceRecord, DeviceStatus } from './device.ts';

/** Device records, by id. Adapters: lib/azure/cosmos-devices.ts. Answers come in the order of the question. */
export interface DeviceStore {
  /** Creates what is not there. @returns the new etag, or undefined where a record exists */
  create(records: readonly DeviceRecord[]): Promise<(string | undefined)[]>;
  read(ids: readonly string[]): Promise<(Stored<DeviceRecord> | undefined)[]>;
  /** Replaces each record if it still has the etag. @returns the new etag, or undefined where it had changed */
  replace(records: readonly Stored<DeviceRecord>[]): Promise<(string | undefined)[]>;
  /** By id, ascending. */
  list(filter: DeviceFilter, page: { size: number; continuation?: string }): Promise<Page<DeviceRecord>>;
  /** Ids of a group's devices that DPS has not assigned yet, at most `limit`. */
  waitingIds(enrollmentGroup: string, limit: number): Promise<string[]>;
}

export interface DeviceFilter {
  readonly jobId?: string;
  readonly enrollmentGroup?: string;
  readonly status?: DeviceStatus;
}
