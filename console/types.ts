import type { components } from '../docs/openapi.d.ts';

/** The schemas of docs/openapi.json: the console knows the API by them alone. */
type Schemas = components['schemas'];

export type Act = Schemas['Act'];
export type AuditEntries = Schemas['AuditEntries'];
export type AuditEntry = Schemas['AuditEntry'];
export type Check = Schemas['Check'];
export type CheckSummary = Schemas['CheckSummary'];
export type DeadLetter = Schemas['DeadLetter'];
export type DeadLetters = Schemas['DeadLetters'];
export type Device = Schemas['Device'];
export type DeviceStatus = Device['status'];
export type Devices = Schemas['Devices'];
export type Discard = Schemas['Discard'];
export type Door = Schemas['Door'];
export type EnrollmentGroup = Schemas['EnrollmentGroup'];
export type EnrollmentGroups = Schemas['EnrollmentGroups'];
export type ErrorSummary = Schemas['ErrorSummary'];
export type Estimate = Schemas['Estimate'];
export type Finding = Schemas['Finding'];
export type Findings = Schemas['Findings'];
export type FleetAct = Schemas['FleetAct'];
export type FleetActs = Schemas['FleetActs'];
export type FleetActEstimate = Schemas['FleetActEstimate'];
export type FleetActRequest = Schemas['FleetActRequest'];
export type GroupAct = Schemas['GroupAct'];
export type GroupRollover = Schemas['GroupRollover'];
export type Health = Schemas['Health'];
export type Job = Schemas['Job'];
export type JobStatus = Job['status'];
export type Jobs = Schemas['Jobs'];
export type Me = Schemas['Me'];
export type Redrive = Schemas['Redrive'];
export type RolloverGate = Schemas['RolloverGate'];
export type StartedRetry = Schemas['StartedRetry'];
export type Summary = Schemas['Summary'];

/** An error of the API (RFC 9457). Every answer that is not a success has one, but for those of the platform. */
export type Problem = Partial<Schemas['Problem']> & { readonly status: number; readonly detail: string };

export type Role = 'reader' | 'submitter' | 'operator';
