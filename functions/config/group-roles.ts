import * as z from 'zod';
import type { GroupRoles } from '../../lib/access/access.ts';
import { roles } from '../../lib/access/principal.ts';
import { enrollmentGroupId } from '../../lib/devices/ids.ts';

/** DPS takes 100 enrollment groups with X.509 attestation. A job carries its groups in the metadata of a blob (8 KB). */
const maxEnrollmentGroups = 100;

const groupRole = z.strictObject({
  role: z.enum(roles),
  enrollmentGroups: z.array(z.string().regex(enrollmentGroupId)).min(1),
});

/** The value of an app role, or an object id. An app role of the app itself holds for all groups, so it cannot be limited. */
const key = z
  .string()
  .regex(/^\S{1,256}$/)
  .refine((name) => !(roles as readonly string[]).includes(name));

/** The value of GROUP_ROLES: JSON text. */
export const groupRoles = z
  .string()
  .transform(parseJson)
  .pipe(z.record(key, groupRole))
  .refine((mapping) => {
    const named = Object.values(mapping).flatMap(({ enrollmentGroups }) => enrollmentGroups);
    return new Set(named).size <= maxEnrollmentGroups;
  })
  .transform((mapping): GroupRoles => new Map(Object.entries(mapping)));

/** @returns undefined, which no later rule accepts, for text that is not JSON */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
