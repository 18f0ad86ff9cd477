import { X509Certificate } from 'node:crypto';
import { derElement, derTag } from './der.ts';

/**
 * PKCS#7 "certs-only": a SignedData (RFC 5652 5.1) that signs nothing and only carries certificates, as an EST server answers
 * (RFC 7030 4.1.3 and 4.2.3; the body is its base64, RFC 8951 2.1).
 *
 * The certificates stay in the order given and are copied byte for byte. DER wants a SET OF sorted, but readers keep the
 * encoded order, and IoT Edge stores the certificates in that order as the chain that it presents to DPS
 * (aziot-certd/src/est.rs in Azure/iot-identity-service). A library might sort them.
 * @param certificatesPem one certificate each
 * @returns DER
 */
export function certsOnly(certificatesPem: readonly string[]): Buffer {
  const certificates = certificatesPem.map((pem) => new X509Certificate(pem).raw);
  const signedData = derElement(
    derTag.sequence,
    version1,
    emptySet, // digestAlgorithms
    derElement(derTag.sequence, dataId), // encapContentInfo without content
    derElement(derTag.context0, ...certificates),
    emptySet, // signerInfos
  );
  return derElement(derTag.sequence, signedDataId, derElement(derTag.context0, signedData));
}

/** RFC 5652 5.1: version 1, since no certificate is of another kind than X.509 and the content is `id-data`. */
const version1 = Buffer.from('020101', 'hex');
const emptySet = derElement(derTag.set);
/** OBJECT IDENTIFIERs of RFC 5652 4 and 5.1, DER: 1.2.840.113549.1.7.1 and .2. */
const dataId = Buffer.from('06092a864886f70d010701', 'hex');
const signedDataId = Buffer.from('06092a864886f70d010702', 'hex');
