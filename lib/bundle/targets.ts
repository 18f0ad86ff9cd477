import { X509Certificate } from 'node:crypto';
import type { GroupDefinition } from '../groups/definition.ts';
import type { TemplateFile } from './tar.ts';

export type Target = GroupDefinition['target'];

/** What IoT Edge calls a release, and what its parts need to know of it. */
export interface EdgeTarget {
  /** As `iotedge --version` says it, without the patch number. */
  readonly version: string;
  /** Whether its identity service renews certificates (aziot-identity-service 1.3 and later). */
  readonly autoRenew: boolean;
  readonly agentImage: string;
}

const edgeTarget = (version: string, autoRenew: boolean): EdgeTarget => ({
  version,
  autoRenew,
  agentImage: `mcr.microsoft.com/azureiotedge-agent:${version}`,
});

export const edgeTargets: Readonly<Record<Exclude<Target, 'dps-device'>, EdgeTarget>> = {
  'iotedge-1.6': edgeTarget('1.6', true),
  'iotedge-1.5': edgeTarget('1.5', true),
  'iotedge-1.4': edgeTarget('1.4', true),
  'iotedge-1.2': edgeTarget('1.2', false),
  'iotedge-1.1': edgeTarget('1.1', false),
};

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
