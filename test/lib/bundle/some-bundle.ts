import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bundler, createBundler } from '../../../lib/bundle/bundler.ts';
import type { VerifierGroup } from '../../../lib/bundle/dps-decision.ts';
import {
  edgeCaOf,
  type GroupDefinition,
  type GroupInput,
  parseGroupDefinition,
} from '../../../lib/groups/definition.ts';
import { delegatedCaValidity, issueDelegatedCa, issueIntermediateCa, issueRootCa } from '../../../lib/pki/authority.ts';
import { createDeviceIssuer } from '../../../lib/pki/device-issuer.ts';
import { issuingCaPathLength } from '../../../lib/pki/edge-ca.ts';
import type { Authority } from '../../../lib/pki/issuer.ts';
import { newSerialNumber } from '../../../lib/pki/serial.ts';
import { createSoftwareKeyStore, createSoftwareSigner } from '../../../lib/pki/software-key-store.ts';
import { someTime } from '../../factories.ts';

export const someDps = { idScope: '0ne00000000', globalEndpoint: 'https://global.azure-devices-provisioning.net' };

/** Issues identities and makes bundles for one group. */
export interface BundleMaker {
  readonly bundler: Bundler;
  /** The group, for the verifier. */
  readonly group: VerifierGroup;
  readonly rootPem: string;
  /** The CA that signs identities. */
  readonly issuer: Authority;
  identity(
    deviceId: string,
    csr?: string,
  ): Promise<Awaited<ReturnType<Awaited<ReturnType<typeof createDeviceIssuer>>['issue']>>>;
  bundle(deviceId: string, csr?: string): Promise<Buffer>;
}

/** A root, the issuing CA of a group and its bundler, with real keys, which are in memory only. */
export async function someBundler(
  input: Partial<GroupInput> = {},
  { id = 'line7', rootDays = 4000, caDays = 1825, now = someTime, delegated = false } = {},
): Promise<BundleMaker> {
  const definition = parseGroupDefinition(id, { keyCustody: 'plain', ...input });
  const directory = mkdtempSync(join(tmpdir(), 'fleet-keys-'));
  try {
    const keys = createSoftwareKeyStore({ directory });
    const root = await keys.signer('root', 'ec-p256');
    const rootPem = await issueRootCa({
      ...{ commonName: 'Test root CA', signer: root, validityDays: rootDays, now, serialNumber: newSerialNumber() },
    });
    const signer = await keys.signer('issuing', 'ec-p256');
    const certificatePem = await issueIntermediateCa({
      issuer: { certificatePem: rootPem, signer: root, chainPem: [] },
      commonName: `${id} issuing CA 1`,
      publicKey: signer.publicKey,
      pathLength: issuingCaPathLength(edgeCaOf(definition)) + (delegated ? 1 : 0),
      ...{ validityDays: caDays, serialNumber: newSerialNumber(), now },
    });
    const issuingCa = { certificatePem, signer, chainPem: [rootPem] };
    const issuer = delegated ? await delegatedCa(definition, issuingCa, now) : issuingCa;
    const { keyType, validityDays } = definition;
    const edgeCa = edgeCaOf(definition);
    const devices = await createDeviceIssuer({
      ...{ issuer, keyType, validityDays, now },
      ...(edgeCa === undefined ? {} : { edgeCa }),
    });
    const bundler = await createBundler({
      ...{ group: definition, chainPem: [certificatePem], rootPem, dps: someDps, now },
      ...(delegated && { delegatedCaPem: issuer.certificatePem }),
    });
    const identity = async (deviceId: string, csr?: string) =>
      devices.issue({ deviceId, serialNumber: newSerialNumber(), ...(csr === undefined ? {} : { csr }) });
    return {
      ...{ bundler, rootPem, issuer, identity },
      group: {
        id,
        enrollment: definition.enrollment,
        provisioningStatus: definition.provisioningStatus,
        issuingCas: [{ certificatePem, chainPem: [rootPem] }],
      },
      bundle: async (deviceId, csr) => bundler.bundle({ deviceId, identity: await identity(deviceId, csr) }),
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A delegated CA, as a worker makes it. */
async function delegatedCa(definition: GroupDefinition, issuer: Authority, now: Date): Promise<Authority> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificatePem = await issueDelegatedCa({
    ...{ issuer, commonName: `${definition.id} delegated CA`, publicKey, serialNumber: newSerialNumber(), now },
    pathLength: issuingCaPathLength(edgeCaOf(definition)),
    ...delegatedCaValidity(now, definition.validityDays, issuer),
  });
  const chainPem = [issuer.certificatePem, ...issuer.chainPem];
  return { certificatePem, signer: createSoftwareSigner(privateKey, 'ec-p256'), chainPem };
}
