import { X509Certificate } from 'node:crypto';
import type { GroupDefinition } from '../enrollment/group-definition.ts';
import type { TemplateFile } from './tar-template.ts';

/** What differs from device to device. */
export type DeviceSlot = 'id' | 'identity' | 'identityKey' | 'edgeCa' | 'edgeCaKey' | 'estEdgeCaName';

export type BundleFile = TemplateFile<DeviceSlot>;

/** A text with places for what differs from device to device. */
export type DeviceText = BundleFile['parts'];

/** All that the devices of one group have in common. */
export interface BundleOptions {
  readonly group: GroupDefinition;
  /** The issuing CA and what is above it, without the root. */
  readonly chainPem: readonly string[];
  readonly rootPem: string;
  readonly dps: { readonly idScope: string; readonly globalEndpoint: string };
  /** Only the 1.1 daemon and recipients of sealed bundles depend on the date. */
  readonly now: Date;
}

/** Where the files of a bundle are, in it. The device's own keep their names where they are installed. */
export const bundlePaths = {
  readme: 'README.md',
  install: 'install.sh',
  identityChain: 'certs/device-identity.full-chain.pem',
  identityKey: 'secrets/device-identity.key.pem',
  edgeCaChain: 'certs/edge-ca.full-chain.pem',
  edgeCaKey: 'secrets/edge-ca.key.pem',
  trustBundle: 'certs/trust-bundle.pem',
  estTrust: 'certs/est-trust.pem',
  root: 'certs/root-ca.pem',
} as const;

export const id = { slot: 'id' } as const;

/** Certificates one after another, as PEM and without what people write around it. */
export function pemBundle(certificates: readonly string[]): string {
  return certificates.map((pem) => new X509Certificate(pem).toString()).join('');
}
