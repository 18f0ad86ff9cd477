import { X509Certificate } from 'node:crypto';
import type { GroupDefinition } from '../groups/definition.ts';
import type { TemplateFile } from './tar.ts';

/** The device software that a bundle installs on. */
export type Target = GroupDefinition['target'];

/** A release of IoT Edge, as far as bundles depend on it. */
export interface EdgeTarget {
  /** As `iotedge --version` prints it, without the patch number. */
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

/** Name of the configuration in a bundle. It tells how to read the bundle. */
export type ConfigPath = 'config.toml' | 'config.yaml' | 'device.json';

export function configPath(target: Target): ConfigPath {
  if (target === 'dps-device') return 'device.json';
  return target === 'iotedge-1.1' ? 'config.yaml' : 'config.toml';
}

/** The values that differ between the devices of a group. */
export type DeviceSlot = 'id' | 'ends' | 'identity' | 'identityKey' | 'edgeCa' | 'edgeCaKey' | 'estEdgeCaName';

export type BundleFile = TemplateFile<DeviceSlot>;

/** A text with slots for the values of a device. */
export type DeviceText = BundleFile['parts'];

/** The slot of the device id. */
export const id = { slot: 'id' } as const;

/** The slot of the day on which the identity ends, UTC, such as `2027-11-28`. */
export const ends = { slot: 'ends' } as const;

/** Everything that the bundles of a group share. */
export interface BundleOptions {
  readonly group: GroupDefinition;
  /** PEM certificates from the issuing CA up, without the root. */
  readonly chainPem: readonly string[];
  readonly rootPem: string;
  /** PEM of the delegated CA that signs the identities, below the issuing CA. Absent where the issuing CA signs them. */
  readonly delegatedCaPem?: string | undefined;
  readonly dps: DpsAddress;
  /** The EST server of this deployment, for groups with `est.url` "fleet". Absent: it has none. */
  readonly estServer?: EstServer | undefined;
  /** Generation of the issuing CA, which the URL of our EST server names. */
  readonly caGeneration?: number | undefined;
  /** The moment at which recipients and CA certificates must be valid. */
  readonly now: Date;
}

/** Where devices register: the DPS instance of their group. */
export interface DpsAddress {
  readonly idScope: string;
  /** URL. */
  readonly globalEndpoint: string;
}

/** The EST server of this deployment. */
export interface EstServer {
  /** Without a path, such as https://est.example.com */
  readonly url: string;
  /** PEM of the CA that issued its TLS certificate, where devices do not trust that by themselves. */
  readonly trustedCaPem?: string;
}

/**
 * The base URL at which the devices of a group reach our EST server (RFC 7030 3.2.2: one label).
 * @param generation of the issuing CA of the bundle
 * @example
 * estBaseUrl('https://est.example.com', 'line7', 2) // 'https://est.example.com/.well-known/est/line7~2'
 */
export function estBaseUrl(server: string, groupId: string, generation: number): string {
  return `${server.replace(/\/$/, '')}/.well-known/est/${groupId}~${generation}`;
}

/** Paths in a bundle. install.sh keeps them below the directory where the release of IoT Edge has its files. */
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

/** PEM certificates that a device presents behind its own: from the CA that signed it up, without the root. */
export function issuersOf({ chainPem, delegatedCaPem }: Pick<BundleOptions, 'chainPem' | 'delegatedCaPem'>) {
  return delegatedCaPem === undefined ? chainPem : [delegatedCaPem, ...chainPem];
}

/** The certificates as one PEM text, without the text that tools write around them. */
export function pemBundle(certificates: readonly string[]): string {
  return certificates.map((pem) => new X509Certificate(pem).toString()).join('');
}
