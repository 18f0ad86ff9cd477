import {
  BlobSASPermissions,
  type BlobServiceClient,
  SASProtocol,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { calling } from './service-errors.ts';
import { storageTimeoutMs, withInactivityTimeout } from './storage-timeouts.ts';

/** Minutes by which clocks may differ: a key that begins now is refused by a service whose clock is behind. */
const clockSkewMinutes = 5;

/** The right to create one blob, as a URL. @throws FleetError `throttled`, `unavailable` */
export type SignUpload = (blob: string, expiresAt: Date) => Promise<string>;

/**
 * Signs URLs by which anyone can create one blob of a container, once, until a time. They give no right to read or overwrite. In Azure
 * they are signed by a key that the storage gives to the identity of the app (user delegation); on one machine by the account key.
 * https://learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas
 */
export function createUploadSigner(
  service: BlobServiceClient,
  containerName: string,
  { now, timeoutMs = storageTimeoutMs }: { readonly now: () => Date; readonly timeoutMs?: number },
): SignUpload {
  const container = service.getContainerClient(containerName);
  const isKeyed = service.credential instanceof StorageSharedKeyCredential;
  const protocol = service.url.startsWith('https:') ? SASProtocol.Https : SASProtocol.HttpsAndHttp;
  return async (blob, expiresOn) => {
    const client = container.getBlockBlobClient(blob);
    const permissions = BlobSASPermissions.parse('c');
    if (isKeyed) return client.generateSasUrl({ permissions, expiresOn, protocol });
    const startsOn = new Date(now().getTime() - clockSkewMinutes * 60_000);
    const key = await calling('Blob storage', () =>
      withInactivityTimeout(timeoutMs, (abortSignal) =>
        service.getUserDelegationKey(startsOn, expiresOn, { abortSignal }),
      ),
    );
    return client.generateUserDelegationSasUrl({ permissions, startsOn, expiresOn, protocol }, key);
  };
}
