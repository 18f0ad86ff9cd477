import { createPrivateKey, X509Certificate } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { BlobServiceClient } from '@azure/storage-blob';
import { fromBufferPromise } from 'yauzl';

/** A bundle in an archive, and its device certificate. */
export interface ArchivedBundle {
  readonly archive: string;
  /** Bytes from the beginning of the archive. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  readonly deviceId: string;
  readonly certificate: X509Certificate;
  /** Lower-case hex. */
  readonly serialNumber: string;
  /** Upper-case hex. */
  readonly sha256Thumbprint: string;
  /** Errors in the bundle, such as `holds another private key`. */
  readonly faults: readonly string[];
}

/** Reads every bundle of every archive in the container `bundles`, with a ZIP library that the app does not use. */
export async function readArchives(connectionString: string): Promise<ArchivedBundle[]> {
  const container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient('bundles');
  const bundles: ArchivedBundle[] = [];
  for await (const { name } of container.listBlobsFlat()) {
    bundles.push(...(await readArchive(name, await container.getBlobClient(name).downloadToBuffer())));
  }
  return bundles;
}

async function readArchive(archive: string, body: Buffer): Promise<ArchivedBundle[]> {
  const zip = await fromBufferPromise(body, { lazyEntries: true });
  const bundles: ArchivedBundle[] = [];
  for await (const entry of zip.eachEntry()) {
    if (entry.fileName === 'index.json') continue;
    const { fileDataStart: offset } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
    const length = entry.uncompressedSize;
    const deviceId = entry.fileName.replace(/\.tar\.gz$/, '');
    bundles.push({
      archive,
      offset,
      length,
      deviceId,
      ...readBundle(deviceId, body.subarray(offset, offset + length)),
    });
  }
  return bundles;
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
    faults,
  };
}
