import type { KeyClientOptions } from '@azure/keyvault-keys';
import { FleetError } from '../errors.ts';

/**
 * Milliseconds for one try of a request. A vault answers in less than a second, and asks to wait by 429 instead of holding
 * a request (https://learn.microsoft.com/azure/key-vault/general/overview-throttling). The SDK alone waits forever.
 */
export const vaultTimeoutMs = 30_000;

/**
 * Options of a client of Key Vault with which a request ends when it gets no answer.
 * @param timeoutMs milliseconds per try; the SDK does not repeat a try that timed out
 * @returns requests throw FleetError `unavailable` after that
 */
export function withVaultTimeout(timeoutMs: number): Required<Pick<KeyClientOptions, 'additionalPolicies'>> {
  return {
    additionalPolicies: [
      {
        // Outside of the SDK's retries.
        position: 'perCall',
        policy: {
          name: 'timeout',
          async sendRequest(request, next) {
            request.timeout = timeoutMs;
            try {
              return await next(request);
            } catch (error) {
              if ((error as Error).name !== 'AbortError') throw error;
              throw new FleetError('unavailable', 'Key Vault did not answer in time.', { cause: error });
            }
          },
        },
      },
    ],
  };
}
