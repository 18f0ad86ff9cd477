import { rolesUpTo } from '../../lib/access/access.ts';
import type { Role } from '../../lib/access/principal.ts';
import { auditOperation } from './audit.ts';
import { certificateAuthorityOperations } from './certificate-authorities.ts';
import { certificateOperations } from './certificates.ts';
import { checkOperations } from './checks.ts';
import { deadLetterOperations } from './dead-letters.ts';
import { deletions } from './deletions.ts';
import { deviceBlocks } from './device-blocks.ts';
import { deviceOperations } from './devices.ts';
import { groupOperations } from './enrollment-groups.ts';
import { findingOperations } from './findings.ts';
import { fleetActOperations } from './fleet-acts.ts';
import { groupRollovers } from './group-rollover.ts';
import { healthOperations } from './health.ts';
import { jobReportOperations } from './job-reports.ts';
import { jobOperations } from './jobs.ts';
import { meOperation } from './me.ts';
import { descriptionOperations } from './openapi.ts';
import type { Operation } from './operation.ts';
import { renewalOperations } from './renewals.ts';
import { summaryOperations } from './summary.ts';
import { uploadOperations } from './uploads.ts';
import { webhookOperations } from './webhooks.ts';

/**
 * Every operation of the HTTP API, in the order of docs/openapi.json. It is the only source of routes, roles, limits of
 * bodies, parameters and the description. It imports no Azure SDK, so that tools can read it.
 */
export const operations: readonly Operation[] = [
  ...groupOperations,
  ...groupRollovers,
  ...checkOperations,
  ...jobOperations,
  ...uploadOperations,
  ...jobReportOperations,
  ...deviceOperations,
  ...deviceBlocks,
  ...certificateOperations,
  ...certificateAuthorityOperations,
  ...fleetActOperations,
  ...deletions,
  ...renewalOperations,
  ...findingOperations,
  auditOperation(() => operations),
  ...deadLetterOperations,
  ...webhookOperations,
  ...summaryOperations,
  ...healthOperations,
  ...descriptionOperations,
  meOperation(() => operations),
];

/** The names of the operations that a role may call, in the order of the alphabet. */
export function operationsOf(role: Role): string[] {
  const held = rolesUpTo(role);
  return operations
    .filter((operation) => held.includes(operation.role))
    .map(({ id }) => id)
    .sort();
}
