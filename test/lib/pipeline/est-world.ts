import assert from 'node:assert/strict';
import { type webcrypto, X509Certificate } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Pkcs10CertificateRequestGenerator,
} from '@peculiar/x509';
import { readBundle } from '../../../infra/local/demo/bundle-files.ts';
import type { GroupInput } from '../../../lib/groups/definition.ts';
import { downloadBundle } from '../../../lib/pipeline/download-bundle.ts';
import { renewCertificate } from '../../../lib/pipeline/renew-certificate.ts';
import { someTime } from '../../factories.ts';
import { createWorld, type WorldOptions } from '../../world.ts';

export const hub = 'hub.azure-devices.net';
export const estGroup = { keyCustody: 'plain', est: 'fleet', edgeCa: 'est' } satisfies GroupInput;

/** A world with a clock and devices of group line7, which renew at the EST server. */
export async function openEstWorld(
  definition: GroupInput = estGroup,
  ids: readonly string[] = ['gw-1'],
  options: Pick<WorldOptions, 'usesKeyVault'> = {},
) {
  let time = someTime.getTime();
  const world = createWorld({ ...options, now: () => new Date(time) });
  await world.declare('line7', definition);
  await world.upload('line7/list.csv', `deviceId\n${ids.join('\n')}\n`, {});
  await world.settle();
  return Object.assign(world, {
    now: () => new Date(time),
    pass: (seconds: number) => {
      time += seconds * 1000;
    },
    record: (id = 'gw-1') => world.devices.records.get(id) ?? assert.fail(`no device ${id}`),
    /** The certificate of the device's bundle. */
    async bundleLeaf(id = 'gw-1'): Promise<X509Certificate> {
      const { body } = await downloadBundle(id, 'Ann', world.services());
      const files = await readBundle(body);
      return new X509Certificate(files.get('certs/device-identity.full-chain.pem')?.body ?? '');
    },
    /** A request to the EST server. @param leaf the client certificate @returns the certificate that the device gets */
    async ask(leaf: X509Certificate, body: Buffer, label = 'line7~1'): Promise<X509Certificate> {
      return new X509Certificate(await renewCertificate({ label, leaf, body }, world.services()));
    },
    /** DPS has assigned the device by this certificate. */
    register(leaf: X509Certificate, id = 'gw-1', when = new Date(time)): void {
      const at = when.toISOString();
      world.enrollments.registrations.set('line7', [
        { deviceId: id, registration: { status: 'assigned', assignedHub: hub, at } },
      ]);
      world.identities.devices.set(`${hub}/${id}`, {
        status: 'enabled',
        thumbprints: [leaf.fingerprint256.replaceAll(':', '')],
      } as never);
    },
  });
}

export type EstWorld = Awaited<ReturnType<typeof openEstWorld>>;
export type Kind = 'identity' | 'est-id' | 'edge-ca';

export interface RequestOptions {
  readonly kind?: Kind;
  readonly key?: 'ec-p256' | 'rsa-2048';
  readonly commonName?: string;
}

/** A request as IoT Edge makes it, base64 of DER. */
export async function estRequest({ kind = 'identity', key = 'ec-p256', commonName }: RequestOptions = {}) {
  const name = commonName ?? (kind === 'edge-ca' ? 'gw-1 edge CA' : 'gw-1');
  const algorithm = key === 'ec-p256' ? ecdsa : rsa;
  const keys = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const extensions = {
    identity: [],
    'est-id': [new ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.2'])],
    'edge-ca': [new BasicConstraintsExtension(true, 0, true)],
  }[kind];
  const request = await Pkcs10CertificateRequestGenerator.create({
    ...{ name: `CN=${name}`, keys, signingAlgorithm: algorithm, extensions },
  });
  return Buffer.from(Buffer.from(request.rawData).toString('base64'));
}

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const rsa = {
  ...{ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048 },
  publicExponent: new Uint8Array([1, 0, 1]),
};
