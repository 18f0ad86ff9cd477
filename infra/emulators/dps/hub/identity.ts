import { z } from 'zod';
import { anyCase, orEmpty } from '../lenient.ts';
import type { NewDevice } from './device-registry.ts';
import type { HubAuthentication } from './hub-device.ts';
import { hubBadRequest } from './hub-error.ts';

/** https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-identity-registry: ids are up to 128 ASCII characters without spaces. */
const deviceIdSyntax = /^[A-Za-z0-9\-.+%_#*?!(),:=@$']{1,128}$/;

/** Base64 of 16 to 64 bytes. */
const key = z
  .base64()
  .refine((text) => Buffer.byteLength(text, 'base64') >= 16 && Buffer.byteLength(text, 'base64') <= 64, {
    message: 'Invalid device key length',
  });
/** SHA-1 or SHA-256. */
const thumbprint = orEmpty(z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/i, 'StringIsNotThumbprint'));

const identitySyntax = z.object({
  deviceId: z.string().regex(deviceIdSyntax),
  status: anyCase(['enabled', 'disabled']).nullish(),
  statusReason: z.string().max(128).nullish(),
  authentication: z
    .object({
      type: anyCase(['sas', 'selfSigned', 'certificateAuthority']).nullish(),
      symmetricKey: z
        .object({ primaryKey: orEmpty(key), secondaryKey: orEmpty(key) })
        .refine(({ primaryKey, secondaryKey }) => !primaryKey === !secondaryKey, {
          message: 'Either no keys or both keys can be set',
        })
        .nullish(),
      x509Thumbprint: z.object({ primaryThumbprint: thumbprint, secondaryThumbprint: thumbprint }).nullish(),
    })
    .nullish(),
  capabilities: z.object({ iotEdge: z.boolean().nullish() }).nullish(),
  deviceScope: z.string().max(256).nullish(),
  parentScopes: z.array(z.string().max(256)).max(1).nullish(),
});
type IdentityInput = z.output<typeof identitySyntax>;

/** An identity without its twin, as a client writes it. */
export interface Identity extends Required<Omit<NewDevice, 'initialTwin' | 'parentScope'>> {
  readonly parentScope: string | undefined;
  /** As sent. Undefined if it is missing or empty. */
  readonly deviceScope: string | undefined;
}

/**
 * Reads a whole identity. Members that are left out get their defaults, not the values of the stored identity: the status
 * `enabled`, new symmetric keys, no capability
 * (https://learn.microsoft.com/rest/api/iothub/service/bulk-registry/update-registry#exportimportdevice).
 * @throws ServiceError 400 that names the invalid member
 */
export function readIdentity(body: unknown, random: (bytes: number) => Buffer): Identity {
  const parsed = identitySyntax.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw hubBadRequest(`The device identity is not valid. ${issue?.path.join('.') ?? ''}: ${issue?.message}`);
  }
  const input = parsed.data;
  const iotEdge = input.capabilities?.iotEdge ?? false;
  return {
    deviceId: input.deviceId,
    status: input.status ?? 'enabled',
    statusReason: input.statusReason ?? null,
    authentication: authenticationOf(input, random),
    iotEdge,
    // The hub ignores parentScopes of a leaf device.
    parentScope: (iotEdge ? input.parentScopes?.[0] : input.deviceScope) || undefined,
    deviceScope: input.deviceScope || undefined,
  };
}

function authenticationOf({ authentication }: IdentityInput, random: (bytes: number) => Buffer): HubAuthentication {
  const { primaryKey, secondaryKey } = authentication?.symmetricKey ?? {};
  const { primaryThumbprint, secondaryThumbprint } = authentication?.x509Thumbprint ?? {};
  const type = authentication?.type ?? (primaryThumbprint ? 'selfSigned' : 'sas');
  const newKey = () => random(32).toString('base64');
  return {
    type,
    symmetricKey:
      type === 'sas'
        ? { primaryKey: primaryKey ?? newKey(), secondaryKey: secondaryKey ?? newKey() }
        : { primaryKey: null, secondaryKey: null },
    x509Thumbprint: {
      primaryThumbprint: primaryThumbprint ?? null,
      secondaryThumbprint: secondaryThumbprint ?? null,
    },
  };
}
