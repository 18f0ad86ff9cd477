import { createPrivateKey, X509Certificate } from 'node:crypto';
import { id_kp_clientAuth, KeyUsageFlags } from '@peculiar/asn1-x509';
import { FleetError } from '../errors.ts';
import { y2038DateIssue } from '../groups/y2038.ts';
import { readCertificate } from '../pki/certificate.ts';
import { isIssuedBy } from '../pki/x509.ts';
import { readConfigToml } from './config-toml.ts';
import { readConfigYaml } from './config-yaml.ts';
import { readDpsDeviceConfig } from './device-json.ts';
import { type DpsDecision, predictDpsDecision, type VerifierGroup } from './dps-decision.ts';
import { readTar, type TarFile } from './tar.ts';

export interface BundleReport {
  /** The registration id of its configuration, or the name of its folder where that cannot be read. */
  readonly deviceId: string;
  /** True where the bundle would install, and DPS would take the device. */
  readonly ok: boolean;
  readonly dps: DpsDecision;
  /** Everything that was looked at, in order; `fault` where it is not as it should be. */
  readonly checks: readonly { readonly name: string; readonly fault?: string }[];
}

/**
 * Looks at a bundle as its technician, its daemon and DPS will: files, configuration, names, keys, chain, dates.
 * @param bundle a tar; a sealed bundle is opened first
 * @param groups those that DPS holds
 * @throws FleetError `bundle-invalid` where it is no bundle at all
 */
export function verifyBundle(bundle: Buffer, groups: readonly VerifierGroup[], at: Date): BundleReport {
  const contents = openBundle(bundle);
  const checks: { name: string; fault?: string }[] = [];
  const check = (name: string, faults: readonly string[]) =>
    checks.push(...(faults.length === 0 ? [{ name }] : faults.map((fault) => ({ name, fault }))));

  const { settings } = contents;
  if ('faults' in settings) {
    check(`${contents.configPath} is what its parser takes`, settings.faults);
    const dps = { accepted: false, text: 'nothing, because the device cannot read its configuration' };
    return { deviceId: contents.folder, ok: false, dps, checks };
  }
  check(`${contents.configPath} is what its parser takes`, []);
  check('every file that it names is in the bundle', fileFaults(contents, settings));
  check('private keys are for their owner only', modeFaults(contents));

  const chain = certificatesOf(contents, settings.certificate);
  check('the identity is one chain, leaf first', chainFaults(chain));
  check('its names are one', nameFaults(contents.folder, settings, chain[0]));
  check('the identity is for a client', leafFaults(chain[0]));
  check('the private key is that of the certificate', keyFaults(contents, settings.key, chain[0], 'identity'));
  if (settings.edgeCa !== undefined) check('the Edge CA works for modules', edgeCaFaults(contents, settings, chain[0]));
  if (contents.configPath === 'config.yaml') check('IoT Edge 1.1 can read its dates', dateFaults(contents));

  const dps = predictDpsDecision(chain, groups, at);
  return {
    deviceId: settings.registrationId ?? contents.folder,
    ok: dps.accepted && checks.every(({ fault }) => fault === undefined),
    dps,
    checks,
  };
}

function fileFaults({ files, configPath }: BundleContents, settings: BundleSettings): string[] {
  const { certificate, edgeCa, trustBundle, estTrust = [] } = settings;
  const named = [certificate, edgeCa?.certificate, edgeCa?.key, trustBundle, ...estTrust];
  const faults = named.flatMap((path) => (path === undefined || files.has(path) ? [] : [`${path} is missing`]));
  for (const path of ['README.md', ...(configPath === 'device.json' ? [] : ['install.sh'])])
    if (!files.has(path)) faults.push(`${path} is missing`);
  return faults;
}

function modeFaults({ files }: BundleContents): string[] {
  return [...files].flatMap(([path, { mode, body }]) =>
    body.includes('PRIVATE KEY-----') && (mode & 0o077) !== 0 ? [`${path} has mode ${mode.toString(8)}`] : [],
  );
}

const pemCertificate = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

function certificatesOf({ files }: BundleContents, path: string): X509Certificate[] {
  const text = files.get(path)?.body.toString('latin1') ?? '';
  try {
    return [...text.matchAll(pemCertificate)].map(([pem]) => new X509Certificate(pem));
  } catch (error) {
    throw new FleetError('bundle-invalid', `This is no bundle: ${path} has no certificates.`, { cause: error });
  }
}

function chainFaults(chain: readonly X509Certificate[]): string[] {
  if (chain.length === 0) return ['there is no certificate'];
  return chain.slice(1).flatMap((issuer, index) => {
    const certificate = chain[index];
    return certificate !== undefined && isIssuedBy(certificate, issuer)
      ? []
      : [`certificate ${index + 1} is not issued by the one after it`];
  });
}

function nameFaults(folder: string, { registrationId }: BundleSettings, leaf: X509Certificate | undefined): string[] {
  if (leaf === undefined) return [];
  const commonName = readCertificate(leaf.raw).commonName?.toString();
  if (commonName === undefined) return ['the subject of the certificate is not one common name'];
  const faults: string[] = [];
  if (registrationId !== undefined && registrationId !== commonName)
    faults.push(`the registration id is "${registrationId}", the common name of the certificate "${commonName}"`);
  if (folder !== commonName)
    faults.push(`the folder is "${folder}", the common name of the certificate "${commonName}"`);
  return faults;
}

function leafFaults(leaf: X509Certificate | undefined): string[] {
  if (leaf === undefined) return [];
  const { keyUsage, extendedKeyUsage } = readCertificate(leaf.raw);
  const faults: string[] = [];
  if (leaf.ca) faults.push('the certificate is that of a CA');
  if (keyUsage !== undefined && !(keyUsage & KeyUsageFlags.digitalSignature))
    faults.push('its key usage lacks digitalSignature');
  if (extendedKeyUsage !== undefined && !extendedKeyUsage.includes(id_kp_clientAuth))
    faults.push('its extended key usage lacks clientAuth');
  return faults;
}

/** A key that is not in the bundle is the device's own, and nothing can be said of it. */
function keyFaults(
  { files }: BundleContents,
  path: string,
  certificate: X509Certificate | undefined,
  kind: string,
): string[] {
  const file = files.get(path);
  if (file === undefined || certificate === undefined) return [];
  try {
    return certificate.checkPrivateKey(createPrivateKey(file.body)) ? [] : [`the ${kind} key is another one`];
  } catch {
    return [`the ${kind} key cannot be read`];
  }
}

function edgeCaFaults(
  contents: BundleContents,
  { edgeCa, trustBundle, registrationId }: BundleSettings,
  leaf: X509Certificate | undefined,
): string[] {
  const chain = edgeCa === undefined ? [] : certificatesOf(contents, edgeCa.certificate);
  const [certificate] = chain;
  if (edgeCa === undefined || certificate === undefined) return ['there is no certificate'];
  const faults = [...chainFaults(chain), ...keyFaults(contents, edgeCa.key, certificate, 'Edge CA')];
  const { basicConstraints, keyUsage, commonName } = readCertificate(certificate.raw);
  if (basicConstraints?.ca !== true) faults.push('the certificate is not that of a CA');
  if (keyUsage !== undefined && !(keyUsage & KeyUsageFlags.keyCertSign)) faults.push('its key usage lacks keyCertSign');
  // 1.1 makes a further CA below it, "iotedged workload ca" (edgelet/iotedged/src/lib.rs of 1.1.15).
  if (contents.configPath === 'config.yaml' && basicConstraints?.pathLength === 0)
    faults.push('its path length is 0, and IoT Edge 1.1 puts another CA below it');
  if (commonName?.toString() === registrationId) faults.push('it has the common name of the device');
  if (leaf?.publicKey.equals(certificate.publicKey)) faults.push('it has the key of the identity');

  const trusted = trustBundle === undefined ? [] : certificatesOf(contents, trustBundle);
  const top = chain.at(-1) ?? certificate;
  const anchored = trusted.some((each) => each.fingerprint256 === top.fingerprint256 || isIssuedBy(top, each));
  if (!anchored) faults.push('the trust bundle does not hold its root');
  return faults;
}

function dateFaults(contents: BundleContents): string[] {
  return [...contents.files.keys()]
    .filter((path) => path.startsWith('certs/'))
    .flatMap((path) =>
      certificatesOf(contents, path).flatMap(({ validToDate }) => {
        const fault = y2038DateIssue(validToDate);
        return fault === undefined ? [] : [`a certificate of ${path} ${fault}`];
      }),
    );
}

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
function openBundle(bundle: Buffer): BundleContents {
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
