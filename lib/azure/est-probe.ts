import { FleetError } from '../errors.ts';
import type { Probe } from './probe.ts';

/** An operation of the EST server, for a group that no deployment has: `~` is in no id. */
const path = '/.well-known/est/~/cacerts';

/**
 * Checks the EST server as a caller without a client certificate: it has to be reachable, and to refuse that caller. It trusts what
 * the platform says about certificates, so one that does not ask for them lets anybody be any device. Whether it can reach what
 * it depends on is not seen from here.
 */
export function estProbe({ url }: { readonly url: string }, timeoutMs: number): Probe {
  return {
    name: 'EST server',
    host: new URL(url).hostname,
    // The app calls it as nobody.
    role: '',
    setting: 'EST_URL',
    run: async () => {
      const { status, body } = await fetch(url + path, { redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) });
      await body?.cancel();
      if (status === 403) return 'It refuses a caller without a client certificate.';
      const found = `The EST server at ${url} (EST_URL) answered ${status} to a caller without a client certificate, where 403 was expected.`;
      throw new FleetError('setting-invalid', found);
    },
  };
}
