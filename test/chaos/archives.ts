import { createPrivateKey, X509Certificate } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { BlobServiceClient } from '@azure/storage-blob';
import { fromBufferPromise } from 'yauzl';

/** The names of a device's certificate, in an archive. */
export interface ArchivedCertificate {
  readonly archive: string;
  readonly deviceId: string;
  /** Lower-case hex. */
  readonly serialNumber: string;
  /** Upper-case hex. */
  readonly sha256Thumbprint: string;
}

/** A bundle in an archive, and its device certificate. */
export interface ArchivedBundle extends ArchivedCertificate {
  /** Bytes from the beginning of the archive. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  readonly certificate: X509Certificate;
  /** The certificate and its issuers, PEM, and its private key: the device registers with them. */
  readonly chainPem: string;
  readonly keyPem: string;
  /** Base URL of the EST server that the configuration of a gateway names. */
  readonly estUrl?: string;
  /** Errors in the bundle, such as `holds another private key`. */
  readonly faults: readonly string[];
}

export interface Archives {
  readonly bundles: readonly ArchivedBundle[];
  /** Bundles that were overwritten with zeros, as the index of their archive names them. */
  readonly erased: readonly ArchivedCertificate[];
}

/** Reads every bundle of every archive in the container `bundles`, with a ZIP library that the app does not use. */
export async function readArchives(connectionString: string): Promise<Archives> {
  const container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient('bundles');
  const bundles: ArchivedBundle[] = [];
  const erased: ArchivedCertificate[] = [];
  for await (const { name } of container.listBlobsFlat()) {
    const archive = await readArchive(name, await container.getBlobClient(name).downloadToBuffer());
    bundles.push(...archive.bundles);
    erased.push(...archive.erased);
  }
  return { bundles, erased };
}

interface Index {
  readonly entries: readonly { readonly info: Omit<ArchivedCertificate, 'archive'> }[];
}

export async function readArchive(archive: string, body: Buffer): Promise<Archives> {
  const zip = await fromBufferPromise(body, { lazyEntries: true });
  const bundles: ArchivedBundle[] = [];
  const zeroed = new Set<string>();
  let index: Index = { entries: [] };
  for await (const entry of zip.eachEntry()) {
    const { fileDataStart: offset } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
    const length = entry.uncompressedSize;
    const bytes = body.subarray(offset, offset + length);
    if (entry.fileName === 'index.json') {
      index = JSON.parse(bytes.toString()) as Index;
      continue;
    }
    const deviceId = entry.fileName.replace(/\.tar\.gz$/, '');
    if (bytes.every((byte) => byte === 0)) zeroed.add(deviceId);
    else bundles.push({ archive, offset, length, deviceId, ...readBundle(deviceId, bytes) });
  }
  const erased = index.entries.flatMap(({ info: { deviceId, serialNumber, sha256Thumbprint } }) =>
    zeroed.has(deviceId) ? [{ archive, deviceId, serialNumber, sha256Thumbprint }] : [],
  );
  return { bundles, erased };
}

/** A tar has its files uncompressed, so their PEM blocks can be found without unpacking it. */
function readBundle(deviceId: string, bundle: Buffer) {
  const text = gunzipSync(bundle).toString('latin1');
  const certificates = (text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (pem) => new X509Certificate(pem),
  );
  const own = new Map(
    certificates.filter(({ subject }) => subject === `CN=${deviceId}`).map((each) => [each.fingerprint256, each]),
  );
  const [certificate] = own.values();
  if (certificate === undefined) throw new Error(`The bundle of ${deviceId} holds no certificate of the device.`);
  const [estUrl] = /https:\/\/[^"\s]+\/\.well-known\/est\/[^"/\s]+/.exec(text) ?? [];
  const [key] = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/.exec(text) ?? [];
  const faults: string[] = [];
  if (own.size > 1) faults.push(`holds ${own.size} certificates of the device`);
  if (key === undefined || !certificate.checkPrivateKey(createPrivateKey(key)))
    faults.push('holds another private key');
  const issuer = certificates.find((each) => certificate.issuer === each.subject);
  if (issuer === undefined || !certificate.verify(issuer.publicKey)) faults.push('holds no issuer of the certificate');
  return {
    certificate,
    serialNumber: certificate.serialNumber.toLowerCase(),
    sha256Thumbprint: certificate.fingerprint256.replaceAll(':', ''),
    chainPem: chainOf(certificate, certificates),
    keyPem: key ?? '',
    ...(estUrl !== undefined && { estUrl }),
    faults,
  };
}

/** @returns PEM of the certificate and of its issuers, in order, as TLS sends them */
function chainOf(certificate: X509Certificate, all: readonly X509Certificate[]): string {
  const chain = [certificate];
  for (let at = certificate; at.issuer !== at.subject; ) {
    const issuer = all.find(({ subject }) => subject === at.issuer);
    if (issuer === undefined) break;
    chain.push(issuer);
    at = issuer;
  }
  return chain.map(String).join('\n');
}
