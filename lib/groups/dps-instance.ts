/**
 * A deployment can use several DPS instances, each with a name: its own ID scope, quota and CA certificates. An enrollment
 * group is in one of them (`dps` of its definition), and so are the enrollments and registrations of its devices.
 * https://learn.microsoft.com/azure/iot-dps/about-iot-dps#quotas-and-limits
 */

/** The name of the instance of the settings `DPS_*`. Groups that name none are in it, as are those of earlier versions. */
export const defaultDps = 'default';

/** Names of instances: they are in the names of blobs, locks and documents. */
export const dpsInstanceName = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/;

/** @returns the name of the instance that a group is in */
export function dpsOf({ dps }: { readonly dps?: string | undefined }): string {
  return dps ?? defaultDps;
}

/** @returns a name for a blob, a lock or a document that each instance has. That of `default` is the one of earlier versions. */
export function nameForDps(name: string, dps: string): string {
  return dps === defaultDps ? name : `${name}-${dps}`;
}
