import { readFile } from 'node:fs/promises';
import { DefaultAzureCredential } from '@azure/identity';
import { findStack, type RunningStack } from '../../infra/local/stack/running-stack.ts';
import { localCredential, localDps } from '../../infra/local/stack/trust-root.ts';
import { trustTls } from '../../infra/local/stack/trust-tls.ts';
import { createDpsCertificates, parseDpsResourceId } from '../../lib/azure/dps-certificates.ts';
import { type LinkedHub, readLinkedHubs } from '../../lib/azure/dps-hubs.ts';
import type { CaRegistry } from '../../lib/enrollment/ca-registration.ts';

/**
 * The CA certificates of a DPS, with the identity of the user (az login).
 * @param dps resource id of the provisioning service, or `local` for that of the running local stack
 * @param localUrl URL of an emulator of the local stack. Default: that of the instance `default`
 * @throws FleetError `request-invalid` for another text
 * @throws Error if no local stack runs
 */
export async function findRegistry(dps: string, localUrl?: string): Promise<CaRegistry> {
  if (dps === 'local') return localRegistry(await findStack(), localUrl);
  return createDpsCertificates({ resource: parseDpsResourceId(dps), credential: new DefaultAzureCredential() });
}

/** The hubs that are linked to a DPS. @param dps as of `findRegistry` @throws as `findRegistry` */
export async function findLinkedHubs(dps: string): Promise<LinkedHub[]> {
  if (dps !== 'local') {
    return readLinkedHubs({ resource: parseDpsResourceId(dps), credential: new DefaultAzureCredential() });
  }
  const { caPath, urls } = await findStack();
  trustTls(await readFile(caPath, 'utf8'));
  return readLinkedHubs({ resource: localDps, credential: localCredential, endpoint: urls.dps });
}

/** The CA certificates of the DPS of a running local stack, whose TLS certificate this process trusts from then on. */
export async function localRegistry({ caPath, urls }: RunningStack, url: string = urls.dps): Promise<CaRegistry> {
  trustTls(await readFile(caPath, 'utf8'));
  return createDpsCertificates({ resource: localDps, credential: localCredential, endpoint: url });
}
