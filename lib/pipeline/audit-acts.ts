import { serviceActor } from '../access/act.ts';
import type { WorkAction } from '../audit/actions.ts';
import type { AuditAct } from '../audit/entry.ts';
import type { DeviceRecord } from '../devices/device.ts';
import type { Finding } from '../findings/finding.ts';
import type { FleetAct, FleetActKind } from '../jobs/fleet-act.ts';
import { currentTraceId } from '../telemetry.ts';

/*
 * What the audit trail gets of work that changes rights and has no request: messages and timers. The entry of a request names
 * what was asked for, these name what was done.
 */

/** What the app does by itself. */
export function workAct(action: WorkAction, subject: AuditAct['subject'], details?: AuditAct['details']): AuditAct {
  return { action, by: serviceActor, subject, trace: currentTraceId(), details };
}

/** An act on many devices has one entry per device, as if each had been asked for. */
const operationOf = {
  suspend: 'suspend-device',
  revoke: 'revoke-device',
  restore: 'restore-device',
  scrap: 'delete-device',
} as const satisfies Record<FleetActKind, string>;

/** One device of an act on many. */
export function fleetActOn(deviceId: string, { actId, kind, by, reason }: FleetAct): AuditAct {
  const details = { deviceAct: actId };
  return { action: operationOf[kind], by, subject: { deviceId }, why: reason, trace: currentTraceId(), details };
}

/** The next step of a blocked device: its doors are closed, opened, or looked at again. */
export function settleAct({ id: deviceId, status, block }: DeviceRecord): AuditAct {
  const asked = block?.undo ?? block;
  const details = { status, kind: block?.kind, askedBy: asked?.by };
  return { ...workAct('settle-device', { deviceId }, details), why: asked?.reason };
}

/** Members of an entry that name what a finding is about. */
export function findingSubject({ kind, subject: { type, id } }: Pick<Finding, 'kind' | 'subject'>) {
  const about = { device: { deviceId: id }, group: { enrollmentGroup: id }, ca: { ca: id }, archive: { archive: id } };
  return { kind, ...about[type] };
}

/** The repair of a finding that repairs itself. */
export function repairAct(finding: Finding, by: string, why: string): AuditAct {
  const subject = { findingId: finding.id, ...findingSubject(finding) };
  return { action: 'repair-finding', by, subject, why, trace: currentTraceId() };
}
