import { FleetError } from '../errors.ts';
import { readConfigToml } from './config-toml-schema.ts';
import { readConfigYaml } from './config-yaml-schema.ts';
import { readDpsDeviceConfig } from './dps-device-config.ts';
import { readTar, type TarFile } from './tar-reader.ts';

/** A bundle taken apart, whoever made it. */
export interface BundleContents {
  /** The top folder. */
  readonly folder: string;
  /** By path below the top folder. */
  readonly files: ReadonlyMap<string, TarFile>;
  readonly configPath: ConfigPath;
  /** What the configuration says, or what is wrong with it. */
  readonly settings: BundleSettings | { readonly faults: readonly string[] };
}

type ConfigPath = 'config.toml' | 'config.yaml' | 'device.json';

/** What the configurations of all targets say, each in its own words. A place is a path in the bundle or a URI outside of it. */
export interface BundleSettings {
  readonly registrationId: string | undefined;
  readonly certificate: string;
  readonly key: string;
  readonly edgeCa?: { readonly certificate: string; readonly key: string };
  readonly trustBundle?: string;
  readonly estTrust?: readonly string[];
}

/** @throws FleetError `bundle-invalid` where it is no archive of ours at all */
export function openBundle(bundle: Buffer): BundleContents {
  // DER begins with a SEQUENCE, PEM with dashes; a tar with a file name, gzip with 1F.
  if (bundle[0] === 0x30 || bundle.subarray(0, 5).equals(Buffer.from('-----')))
    throw new FleetError('bundle-invalid', 'The bundle is sealed; open it with openssl cms -decrypt first.');
  const all = readTar(bundle);
  const folder = all[0]?.path.split('/')[0] ?? '';
  const files = new Map<string, TarFile>();
  for (const file of all) {
    if (!file.path.startsWith(`${folder}/`))
      throw new FleetError('bundle-invalid', 'This is no bundle: its files are not in one folder.');
    const path = file.path.slice(folder.length + 1);
    if (files.has(path)) throw new FleetError('bundle-invalid', `This is no bundle: it has ${path} twice.`);
    files.set(path, file);
  }
  for (const configPath of ['config.toml', 'config.yaml', 'device.json'] as const) {
    const file = files.get(configPath);
    if (file !== undefined) return { folder, files, configPath, settings: readers[configPath](file.body.toString()) };
  }
  throw new FleetError('bundle-invalid', 'This is no bundle: it has no config.toml, config.yaml or device.json.');
}

type Reader = (text: string) => BundleSettings | { readonly faults: readonly string[] };

const readers: Record<ConfigPath, Reader> = {
  'config.toml': (text) => {
    const read = readConfigToml(text);
    if ('faults' in read) return read;
    const { provisioning, edge_ca: edgeCa, trust_bundle_cert: trust, cert_issuance: issuance } = read.config;
    if (provisioning.source !== 'dps' || provisioning.attestation.method !== 'x509')
      return { faults: ['provisioning: not by DPS with X.509'] };
    const { attestation } = provisioning;
    const auth = issuance?.est?.auth;
    // An identity from EST begins with the one of the bundle.
    const identity =
      'identity_pk' in attestation
        ? { certificate: attestation.identity_cert, key: attestation.identity_pk }
        : auth !== undefined && 'bootstrap_identity_cert' in auth
          ? { certificate: auth.bootstrap_identity_cert, key: auth.bootstrap_identity_pk }
          : undefined;
    if (identity === undefined) return { faults: ['provisioning.attestation: names no identity of this bundle'] };
    return {
      registrationId: attestation.registration_id,
      certificate: placeIn(since12, identity.certificate),
      key: placeIn(since12, identity.key),
      ...(edgeCa !== undefined && 'cert' in edgeCa
        ? { edgeCa: { certificate: placeIn(since12, edgeCa.cert), key: placeIn(since12, edgeCa.pk) } }
        : {}),
      ...(trust === undefined ? {} : { trustBundle: placeIn(since12, trust) }),
      ...(issuance?.est === undefined
        ? {}
        : { estTrust: (issuance.est.trusted_certs ?? []).map((uri) => placeIn(since12, uri)) }),
    };
  },

  'config.yaml': (text) => {
    const read = readConfigYaml(text);
    if ('faults' in read) return read;
    const { provisioning, certificates } = read.config;
    const { attestation } = provisioning;
    return {
      registrationId: attestation.registration_id,
      certificate: placeIn(upTo11, attestation.identity_cert),
      key: placeIn(upTo11, attestation.identity_pk),
      ...(certificates !== undefined && 'device_ca_cert' in certificates
        ? {
            edgeCa: {
              certificate: placeIn(upTo11, certificates.device_ca_cert),
              key: placeIn(upTo11, certificates.device_ca_pk),
            },
            trustBundle: placeIn(upTo11, certificates.trusted_ca_certs),
          }
        : {}),
    };
  },

  'device.json': (text) => {
    const read = readDpsDeviceConfig(text);
    if ('faults' in read) return read;
    const { registrationId, certificate, privateKey, rootCa } = read.config;
    return { registrationId, certificate, key: privateKey, trustBundle: rootCa };
  },
};

/** Where install.sh puts the files of a bundle. */
const [since12, upTo11] = ['file:///var/aziot/', 'file:///etc/iotedge/'];

function placeIn(directory: string, uri: string): string {
  return uri.startsWith(directory) ? uri.slice(directory.length) : uri;
}
