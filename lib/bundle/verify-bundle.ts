import { sign, verify, X509Certificate } from 'node:crypto';
import { id_kp_clientAuth, KeyUsageFlags } from '@peculiar/asn1-x509';
import { FleetError } from '../errors.ts';
import { y2038DateIssue } from '../groups/y2038.ts';
import { readCertificate } from '../pki/certificate.ts';
import { readPrivateKey } from '../pki/private-key-pem.ts';
import { isIssuedBy } from '../pki/x509.ts';
import { readConfigToml } from './config-toml.ts';
import { readConfigYaml } from './config-yaml.ts';
import { readDpsDeviceConfig } from './device-json.ts';
import { type DpsDecision, predictDpsDecision, type VerifiedCas, type VerifierGroup } from './dps-decision.ts';
import { readTar, type TarFile, unpack } from './tar.ts';
import { bundlePaths, type ConfigPath } from './targets.ts';

/** The result of verifying a bundle. */
export interface BundleReport {
  /** The registration id of its configuration, or the name of its folder when that cannot be read. */
  readonly deviceId: string;
  /** True when the bundle would install and DPS would accept the device. */
  readonly ok: boolean;
  readonly dps: DpsDecision;
  /** Every check in order, and its `fault` if it failed. A check with several faults occurs several times. */
  readonly checks: readonly { readonly name: string; readonly fault?: string }[];
}

/**
 * Verifies a bundle as its technician, its daemon and DPS will see it: files, configuration, names, keys, chain, dates.
 * It is synchronous because a bundle is verified while it is made (bundler.ts).
 *
 * @param bundle a tar or tar.gz. Decrypt a sealed bundle first
 * @param groups the enrollment groups in DPS
 * @param at the time at which certificates must be valid
 * @param verifiedCas the verified CAs of DPS. When absent, the roots of the groups that are not `untrusted` count as verified
 * @throws FleetError `bundle-invalid` when the file is not a bundle
 * @example
 * const { ok, checks } = verifyBundle(await readFile('gw-1.tar.gz'), groups, new Date());
 */
export function verifyBundle(
  bundle: Buffer,
  groups: readonly VerifierGroup[],
  at: Date,
  verifiedCas?: VerifiedCas,
): BundleReport {
  refuseSealed(bundle);
  const tar = unpack(bundle);
  try {
    return verifyContents(openBundle(tar), groups, at, verifiedCas);
  } finally {
    // It holds private keys.
    if (tar !== bundle) tar.fill(0);
  }
}

function verifyContents(
  contents: BundleContents,
  groups: readonly VerifierGroup[],
  at: Date,
  verifiedCas?: VerifiedCas,
): BundleReport {
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
  check('it names one device only', nameFaults(contents.folder, settings, chain[0]));
  check('the identity is for a client', leafFaults(chain[0]));
  check('the private key is that of the certificate', keyFaults(contents, settings.key, chain[0], 'identity'));
  if (settings.edgeCa !== undefined) check('the Edge CA works for modules', edgeCaFaults(contents, settings, chain[0]));
  if (contents.configPath === 'config.yaml') check('IoT Edge 1.1 can read its dates', dateFaults(contents));

  const dps = predictDpsDecision(chain, groups, at, verifiedCas, settings.registrationId);
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
    throw new FleetError('bundle-invalid', `The file holds no bundle: ${path} has no certificates.`, { cause: error });
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
  if (leaf.ca) faults.push('the certificate is a CA certificate');
  if (keyUsage !== undefined && !(keyUsage & KeyUsageFlags.digitalSignature))
    faults.push('its key usage lacks digitalSignature');
  if (extendedKeyUsage !== undefined && !extendedKeyUsage.includes(id_kp_clientAuth))
    faults.push('its extended key usage lacks clientAuth');
  return faults;
}

/** A key that is not in the bundle is the device's own; it cannot be checked here. */
function keyFaults(
  { files }: BundleContents,
  path: string,
  certificate: X509Certificate | undefined,
  kind: string,
): string[] {
  const file = files.get(path);
  if (file === undefined || certificate === undefined) return [];
  try {
    const privateKey = readPrivateKey(file.body);
    // This compares the certificate with the public key that the file holds beside the private one.
    if (!certificate.checkPrivateKey(privateKey)) return [`the ${kind} key is another one`];
    const data = Buffer.from('any text');
    const signature = sign('sha256', data, privateKey);
    if (verify('sha256', data, certificate.publicKey, signature)) return [];
    return [`the ${kind} key is not the one of the certificate; only the public key stored with it is`];
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
  if (basicConstraints?.ca !== true) faults.push('the certificate is not a CA certificate');
  if (keyUsage !== undefined && !(keyUsage & KeyUsageFlags.keyCertSign)) faults.push('its key usage lacks keyCertSign');
  // 1.1 issues another CA from it, "iotedged workload ca" (edgelet/iotedged/src/lib.rs of 1.1.15).
  if (contents.configPath === 'config.yaml' && basicConstraints?.pathLength === 0)
    faults.push('its path length is 0, and IoT Edge 1.1 issues another CA from it');
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

/** A bundle that was unpacked. */
interface BundleContents {
  /** Name of the top folder. */
  readonly folder: string;
  /** By path below the top folder. */
  readonly files: ReadonlyMap<string, TarFile>;
  readonly configPath: ConfigPath;
  /** The settings of the configuration, or why it cannot be read. */
  readonly settings: BundleSettings | { readonly faults: readonly string[] };
}

/** The settings that the configurations of all targets have in common. A file is a path in the bundle, or a URI outside of it. */
interface BundleSettings {
  readonly registrationId: string | undefined;
  readonly certificate: string;
  readonly key: string;
  readonly edgeCa?: { readonly certificate: string; readonly key: string };
  readonly trustBundle?: string;
  readonly estTrust?: readonly string[];
}

/** @throws FleetError `bundle-invalid` */
function refuseSealed(bundle: Buffer): void {
  // DER begins with a SEQUENCE, PEM with dashes; a tar with a file name, gzip with 1F.
  if (bundle[0] === 0x30 || bundle.subarray(0, 5).equals(Buffer.from('-----')))
    throw new FleetError('bundle-invalid', 'The bundle is sealed. Decrypt it first, with openssl cms -decrypt.');
}

/** @param tar its files are views of it. @throws FleetError `bundle-invalid` when the file is not a bundle */
function openBundle(tar: Buffer): BundleContents {
  const all = readTar(tar);
  const folder = all[0]?.path.split('/')[0] ?? '';
  const files = new Map<string, TarFile>();
  for (const file of all) {
    if (!file.path.startsWith(`${folder}/`))
      throw new FleetError('bundle-invalid', 'The file holds no bundle: its files are not in one folder.');
    const path = file.path.slice(folder.length + 1);
    if (files.has(path)) throw new FleetError('bundle-invalid', `The file holds no bundle: it has ${path} twice.`);
    files.set(path, file);
  }
  for (const configPath of ['config.toml', 'config.yaml', 'device.json'] as const) {
    const file = files.get(configPath);
    if (file !== undefined) return { folder, files, configPath, settings: readers[configPath](file.body.toString()) };
  }
  throw new FleetError(
    'bundle-invalid',
    'The file holds no bundle: it has no config.toml, config.yaml or device.json.',
  );
}

type Reader = (text: string) => BundleSettings | { readonly faults: readonly string[] };

const readers: Record<ConfigPath, Reader> = {
  'config.toml': (text) => {
    const read = readConfigToml(text);
    if ('faults' in read) return read;
    const { provisioning, edge_ca: edgeCa, trust_bundle_cert: trust, cert_issuance: issuance } = read.config;
    const { attestation } = provisioning;
    const est = issuance?.est;
    // With an identity from EST, the identity of the bundle is the bootstrap certificate.
    const identity =
      'identity_pk' in attestation
        ? { certificate: attestation.identity_cert, key: attestation.identity_pk }
        : est !== undefined && 'bootstrap_identity_cert' in est.auth
          ? { certificate: est.auth.bootstrap_identity_cert, key: est.auth.bootstrap_identity_pk }
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
      ...(est === undefined ? {} : { estTrust: est.trusted_certs.map((uri) => placeIn(since12, uri)) }),
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
      ...(certificates !== undefined
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
    return { ...read.config, trustBundle: bundlePaths.root };
  },
};

/** Directories that install.sh puts the files of a bundle in, from IoT Edge 1.2 on and up to 1.1. */
const [since12, upTo11] = ['file:///var/aziot/', 'file:///etc/iotedge/'];

function placeIn(directory: string, uri: string): string {
  return uri.startsWith(directory) ? uri.slice(directory.length) : uri;
}
