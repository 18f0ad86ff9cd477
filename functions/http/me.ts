import type { HttpRequest } from '@azure/functions';
import * as z from 'zod';
import { type Access, createAccess } from '../../lib/access/access.ts';
import { parsePrincipal, roles } from '../../lib/access/principal.ts';
import { FleetError } from '../../lib/errors.ts';
import { defaultDps } from '../../lib/groups/dps-instance.ts';
import { readPackageDigest } from '../config/package-digest.ts';
import { type DpsConfig, readConfig, readEarlyConfig } from '../config.ts';
import { maxBodyBytes } from './body.ts';
import { defineOperation, type Operation } from './operation.ts';
import { count } from './schemas.ts';

const role = z.enum(roles);
const groupIds = z.array(z.string()).readonly();

const schema = z
  .object({
    access: z.enum(['keys', 'entra']).describe('Whether callers have function keys or sign in with Microsoft Entra.'),
    name: z.string(),
    id: z.string().optional().describe('Object id in the directory. Absent with a function key.'),
    roles: z
      .array(role)
      .readonly()
      .optional()
      .describe('Roles for all enrollment groups. Absent with a function key, whose role only the host knows.'),
    groupRoles: z
      .array(z.object({ role, enrollmentGroups: groupIds }).readonly())
      .optional()
      .describe('Roles for some enrollment groups. Absent with a function key.'),
    operations: z
      .array(
        z.object({
          id: z.string().describe('The `operationId` of docs/openapi.json.'),
          role: role.describe('The lowest role that may call it.'),
          maxBodyBytes: count,
          enrollmentGroups: groupIds.optional().describe('The groups for which the caller may call it. Absent: all.'),
        }),
      )
      .describe('What the caller may call. With a function key: all operations, which the key may or may not open.'),
    deployment: z.object({
      plainKeys: z.boolean().describe('Whether groups may have keyCustody "plain" (ALLOW_PLAIN_KEYS).'),
      privateUrls: z.string().describe('Which URLs of groups may name a private address (ALLOW_PRIVATE_URLS).'),
      chunkRows: z.int().min(1).describe('Rows per chunk of a new job.'),
      dpsOperationsPerMinute: z.number().describe('Of the DPS instance `default`.'),
      dpsInstances: z
        .array(
          z
            .object({
              name: z.string().describe('As groups have it in `dps`.'),
              idScope: z.string(),
              globalEndpoint: z.url(),
              serviceHost: z.string().optional().describe('Host of its service API. Absent: an emulator.'),
              operationsPerMinute: z.number(),
            })
            .readonly(),
        )
        .readonly()
        .describe('The DPS instances of the deployment, `default` first.'),
      bundleRetentionDays: z.number().optional().describe('Absent: bundles are kept.'),
      packageDigest: z
        .string()
        .optional()
        .describe(
          'Digest of the package, as `npm run package` wrote it into its package.json. Absent: the app runs from source.',
        ),
    }),
  })
  .meta({ id: 'Me' });

/** @param operations all of them, this one included */
export const meOperation = (operations: () => readonly Operation[]) =>
  defineOperation({
    id: 'get-me',
    method: 'GET',
    path: 'me',
    summary: 'The caller, and what this deployment allows',
    role: 'reader',
    perGroup: true,
    answers: { 200: { description: 'The caller.', schema } },
    async handle({ request, caller }) {
      const { httpAccess, groupRoles } = readEarlyConfig();
      const { allowPlainKeys, privateUrls, chunkRows, dps, moreDps, bundleRetentionDays } = readConfig();
      const access = createAccess(httpAccess, groupRoles);
      const principal = httpAccess === 'entra' ? parsePrincipal(principalHeader(request)) : undefined;
      return {
        status: 200,
        json: {
          access: httpAccess,
          name: caller.name,
          id: caller.id,
          roles: principal?.roles,
          groupRoles: principal?.mappable.flatMap((key) => groupRoles.get(key) ?? []),
          operations: operations().flatMap((operation) => permitted(operation, access, request)),
          deployment: {
            plainKeys: allowPlainKeys,
            privateUrls,
            chunkRows,
            dpsOperationsPerMinute: dps.operationsPerMinute,
            dpsInstances: Object.entries({ [defaultDps]: dps, ...moreDps }).map(instanceView),
            bundleRetentionDays,
            packageDigest: await readPackageDigest(),
          },
        },
      };
    },
  });

function instanceView([name, config]: readonly [string, DpsConfig]) {
  const { idScope, globalEndpoint, operationsPerMinute } = config;
  const host = 'serviceHost' in config ? { serviceHost: config.serviceHost } : {};
  return { name, idScope, globalEndpoint, ...host, operationsPerMinute };
}

/** Asks the check that a call of the operation would meet. */
function permitted(operation: Operation, access: Access, request: HttpRequest) {
  try {
    const { enrollmentGroups } = access(operation, principalHeader(request));
    return [{ id: operation.id, role: operation.role, maxBodyBytes: maxBodyBytes(operation), enrollmentGroups }];
  } catch (error) {
    if (error instanceof FleetError && error.code === 'forbidden') return [];
    throw error;
  }
}

function principalHeader(request: HttpRequest): string | null {
  return request.headers.get('x-ms-client-principal');
}
