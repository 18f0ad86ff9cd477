import type { Check } from '../../doctor-check.ts';
import type { Inventory, Resource } from './inventory.ts';

const apiVersion = '2023-12-01';

interface SignIn {
  readonly properties: {
    readonly platform?: { readonly enabled?: boolean };
    readonly identityProviders?: {
      readonly azureActiveDirectory?: {
        readonly enabled?: boolean;
        readonly registration?: { readonly clientId?: string };
        readonly validation?: {
          readonly defaultAuthorizationPolicy?: { readonly allowedApplications?: readonly string[] };
        };
      };
    };
  };
}

interface Site {
  readonly properties: {
    readonly clientCertEnabled?: boolean;
    readonly clientCertMode?: string;
    readonly clientCertExclusionPaths?: string | null;
  };
}

/** Which clients the API lets in, and whether the EST server asks every caller for a certificate. */
export async function* appChecks(inventory: Inventory): AsyncGenerator<Check> {
  const apps = inventory.ofType('Microsoft.Web/sites');
  // The tag by which azd finds the app of azure.yaml.
  const appOf = (service: string) => apps.find(({ tags }) => tags?.['azd-service-name'] === service);
  for (const service of ['api', 'est'] as const) {
    const app = appOf(service);
    if (app === undefined) {
      const found = `no function app has the tag azd-service-name "${service}"`;
      yield { name: `app ${service}`, state: 'FAULT', found, fix: 'Run azd provision.' };
    } else yield service === 'api' ? await allowedClients(inventory, app) : await clientCertificates(inventory, app);
  }
}

/**
 * Without a list the platform lets no client in, although its token is valid.
 * https://learn.microsoft.com/azure/app-service/configure-authentication-provider-aad#use-a-built-in-authorization-policy
 */
async function allowedClients({ manager }: Inventory, { id }: Resource): Promise<Check> {
  const name = 'allowed applications';
  const settings = await manager.get<SignIn>(`${id}/config/authsettingsV2`, apiVersion);
  const { platform, identityProviders } = settings?.properties ?? {};
  const directory = identityProviders?.azureActiveDirectory;
  const isOn = platform?.enabled === true && directory?.enabled !== false && directory !== undefined;
  if (!isOn) return { name, state: 'ok', found: 'callers use function keys' };
  const allowed = directory.validation?.defaultAuthorizationPolicy?.allowedApplications ?? [];
  const own = directory.registration?.clientId ?? '';
  if (allowed.length === 0) {
    const fix =
      'List the clients in defaultAuthorizationPolicy.allowedApplications (docs/deploy.md), then azd provision.';
    return { name, state: 'FAULT', found: 'none, so every caller gets 403', fix };
  }
  if (!allowed.includes(own)) {
    const found = `${allowed.join(', ')}, and not ${own}, with which people sign in to the console`;
    return { name, state: 'warning', found, fix: 'Add it to the allowed applications (docs/deploy.md).' };
  }
  return { name, state: 'ok', found: allowed.join(', ') };
}

/** With another mode, or with a path left out, the header of a caller may reach the app without a proof of the key. */
async function clientCertificates({ manager }: Inventory, { id }: Resource): Promise<Check> {
  const name = 'client certificates of the EST server';
  const site = await manager.get<Site>(id, apiVersion);
  const { clientCertEnabled = false, clientCertMode = 'unknown', clientCertExclusionPaths } = site?.properties ?? {};
  const found = `enabled ${clientCertEnabled}, mode ${clientCertMode}, excluded paths ${clientCertExclusionPaths || 'none'}`;
  if (clientCertEnabled && clientCertMode === 'Required' && !clientCertExclusionPaths)
    return { name, state: 'ok', found };
  const fix = 'Expected enabled true, mode Required, no excluded path. Stop the app est, and run azd provision.';
  return { name, state: 'FAULT', found, fix };
}
