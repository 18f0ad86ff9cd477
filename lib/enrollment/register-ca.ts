import { X509Certificate } from 'node:crypto';
import { FleetError } from '../errors.ts';
import type { CaRegistry, RegisteredCa } from './ca-registry.ts';

export interface Registration {
  /** Name in DPS: letters, digits, "-", "." and "_". */
  readonly name: string;
  readonly certificatePem: string;
  /**
   * Makes the proof of possession for a code; absent when the CA's key is not at hand. DPS then either takes our word
   * (`vouched`), or waits until a proof that was made elsewhere is given (`proofPem`).
   */
  readonly prove?: ((code: string) => Promise<string>) | undefined;
  readonly vouched?: boolean;
  readonly proofPem?: string | undefined;
  /** The name itself matters (caReferences), not only that DPS knows the certificate under some name. */
  readonly exactName?: boolean;
}

export type RegistrationOutcome =
  | { readonly state: 'verified'; readonly name: string; readonly already: boolean }
  /** A certificate with this common name, signed by the CA, is what DPS waits for. */
  | { readonly state: 'proof-needed'; readonly name: string; readonly code: string };

/** Somebody else works on the same certificate at the same time; a few rounds are enough for one of both to be done. */
const maxTries = 5;

/**
 * Makes DPS hold a CA certificate, verified. Each step looks at what is there and goes on from it, so a run that was cut
 * is finished by the next, and a second run changes nothing.
 * https://learn.microsoft.com/azure/iot-dps/how-to-verify-certificates
 * @throws FleetError `ca-invalid` when the name is taken by another certificate, `ca-refused` with DPS's own answer
 */
export async function registerCa(registry: CaRegistry, registration: Registration): Promise<RegistrationOutcome> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt(registry, registration);
    } catch (error) {
      if (!(error instanceof FleetError) || error.code !== 'concurrent-change' || tries === maxTries) throw error;
    }
  }
}

async function attempt(registry: CaRegistry, registration: Registration): Promise<RegistrationOutcome> {
  const { name, certificatePem, prove, vouched = false, proofPem } = registration;
  const known = find(await registry.list(), registration);
  if (known?.isVerified) return { state: 'verified', name: known.name, already: true };
  // Uploading again is how a certificate that waits for its proof is vouched for instead.
  const ca =
    known === undefined || vouched
      ? await registry.upload(known?.name ?? name, certificatePem, {
          vouched,
          ...(known === undefined ? {} : { known }),
        })
      : known;
  if (ca.isVerified) return { state: 'verified', name: ca.name, already: false };
  if (proofPem !== undefined) {
    await registry.verify(ca, proofPem);
    return { state: 'verified', name: ca.name, already: false };
  }
  const { code, ca: asked } = await registry.verificationCode(ca);
  if (prove === undefined) return { state: 'proof-needed', name: ca.name, code };
  await registry.verify(asked, await prove(code));
  return { state: 'verified', name: ca.name, already: false };
}

function find(all: readonly RegisteredCa[], { name, certificatePem, exactName = false }: Registration) {
  const thumbprint = new X509Certificate(certificatePem).fingerprint.replaceAll(':', '');
  const same = all.filter(({ sha1Thumbprint }) => sha1Thumbprint === thumbprint);
  // DPS compares names without case.
  const named = all.find((ca) => ca.name.toLowerCase() === name.toLowerCase());
  if (named !== undefined && !same.includes(named)) {
    throw new FleetError('ca-invalid', `DPS has another CA certificate under the name "${name}".`, {
      faults: [{ path: 'name', message: 'is taken by another certificate; give this one another name' }],
    });
  }
  return named ?? (exactName ? undefined : (same.find(({ isVerified }) => isVerified) ?? same[0]));
}
