import {
  constants,
  createCipheriv,
  createECDH,
  createHash,
  type KeyObject,
  publicEncrypt,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import {
  ContentInfo,
  EncryptedContent,
  EncryptedContentInfo,
  EnvelopedData,
  IssuerAndSerialNumber,
  id_data,
  id_envelopedData,
  KeyAgreeRecipientIdentifier,
  KeyAgreeRecipientInfo,
  KeyTransRecipientInfo,
  OriginatorIdentifierOrKey,
  OriginatorPublicKey,
  RecipientEncryptedKey,
  RecipientEncryptedKeys,
  RecipientIdentifier,
  RecipientInfo,
  RecipientInfos,
} from '@peculiar/asn1-cms';
import { id_mgf1, id_RSAES_OAEP, RsaEsOaepParams, sha256 } from '@peculiar/asn1-rsa';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier, Certificate } from '@peculiar/asn1-x509';

/*
 * Sealed bundles: CMS EnvelopedData (RFC 5652) that `openssl cms -decrypt` opens. Content: AES-256-CBC (RFC 3565) under a
 * key of its own for each bundle. RSA recipients: RSAES-OAEP with SHA-256 (RFC 3560). EC recipients: ephemeral-static
 * ECDH with the X9.63 KDF on SHA-256 and AES-256 key wrap (RFC 5753).
 */

const aes256Cbc = '2.16.840.1.101.3.4.1.42';
const aes256Wrap = '2.16.840.1.101.3.4.1.45';
const dhSinglePassStdDhSha256Kdf = '1.3.132.1.11.1';

/** RFC 3394 2.2.3.1. */
const keyWrapIv = Buffer.alloc(8, 0xa6);

type Recipient = (contentKey: Buffer) => RecipientInfo;

/** @param recipients PEM certificates without a `recipientFaults` */
export function createSeal(recipients: readonly string[]): (content: Buffer) => Buffer {
  const parties = recipients.map(createRecipient);

  return (content) => {
    const [key, iv] = [randomBytes(32), randomBytes(16)];
    const cipher = createCipheriv('aes-256-cbc', key, iv);
    const encrypted = Buffer.concat([cipher.update(content), cipher.final()]);
    const recipientInfos = new RecipientInfos(parties.map((party) => party(key)));
    const enveloped = new EnvelopedData({
      // RFC 5652 6.1: 0 where every recipient has version 0, that is, by key transport and issuer name.
      version: recipientInfos.every(({ ktri }) => ktri !== undefined) ? 0 : 2,
      recipientInfos,
      encryptedContentInfo: new EncryptedContentInfo({
        contentType: id_data,
        contentEncryptionAlgorithm: new AlgorithmIdentifier({
          algorithm: aes256Cbc,
          parameters: AsnConvert.serialize(new OctetString(iv)),
        }),
        encryptedContent: new EncryptedContent({ value: new OctetString(encrypted) }),
      }),
    });
    const info = new ContentInfo({ contentType: id_envelopedData, content: AsnConvert.serialize(enveloped) });
    return Buffer.from(AsnConvert.serialize(info));
  };
}

function createRecipient(pem: string): Recipient {
  const { raw, publicKey } = new X509Certificate(pem);
  const certificate = AsnConvert.parse(raw, Certificate);
  const { issuer, serialNumber } = certificate.tbsCertificate;
  const name = new IssuerAndSerialNumber({ issuer, serialNumber });
  return publicKey.asymmetricKeyType === 'rsa'
    ? byKeyTransport(publicKey, name)
    : byKeyAgreement(publicKey, name, certificate);
}

function byKeyTransport(publicKey: KeyObject, name: IssuerAndSerialNumber): Recipient {
  const rid = new RecipientIdentifier({ issuerAndSerialNumber: name });
  const maskGenAlgorithm = new AlgorithmIdentifier({ algorithm: id_mgf1, parameters: AsnConvert.serialize(sha256) });
  const parameters = AsnConvert.serialize(new RsaEsOaepParams({ hashAlgorithm: sha256, maskGenAlgorithm }));
  const keyEncryptionAlgorithm = new AlgorithmIdentifier({ algorithm: id_RSAES_OAEP, parameters });
  const padding = { key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
  return (contentKey) => {
    const encryptedKey = new OctetString(publicEncrypt(padding, contentKey));
    return new RecipientInfo({
      ktri: new KeyTransRecipientInfo({ version: 0, rid, keyEncryptionAlgorithm, encryptedKey }),
    });
  };
}

function byKeyAgreement(publicKey: KeyObject, name: IssuerAndSerialNumber, certificate: Certificate): Recipient {
  const curve = publicKey.asymmetricKeyDetails?.namedCurve ?? '';
  const { algorithm, subjectPublicKey } = certificate.tbsCertificate.subjectPublicKeyInfo;
  const point = Buffer.from(subjectPublicKey);
  const rid = new KeyAgreeRecipientIdentifier({ issuerAndSerialNumber: name });
  // RFC 5753 7.2: AES key wrap has no parameters.
  const wrap = new AlgorithmIdentifier({ algorithm: aes256Wrap });
  const keyEncryptionAlgorithm = new AlgorithmIdentifier({
    algorithm: dhSinglePassStdDhSha256Kdf,
    parameters: AsnConvert.serialize(wrap),
  });
  const sharedInfo = eccCmsSharedInfo(wrap);
  return (contentKey) => {
    const ephemeral = createECDH(curve);
    const ephemeralPoint = ephemeral.generateKeys();
    const keyEncryptionKey = createHash('sha256')
      .update(ephemeral.computeSecret(point))
      .update(Buffer.from([0, 0, 0, 1]))
      .update(sharedInfo)
      .digest();
    const cipher = createCipheriv('id-aes256-wrap', keyEncryptionKey, keyWrapIv);
    const wrapped = Buffer.concat([cipher.update(contentKey), cipher.final()]);
    return new RecipientInfo({
      kari: new KeyAgreeRecipientInfo({
        version: 3,
        originator: new OriginatorIdentifierOrKey({
          originatorKey: new OriginatorPublicKey({
            algorithm: new AlgorithmIdentifier({ algorithm: algorithm.algorithm, parameters: algorithm.parameters }),
            publicKey: bytesOf(ephemeralPoint),
          }),
        }),
        keyEncryptionAlgorithm,
        recipientEncryptedKeys: new RecipientEncryptedKeys([
          new RecipientEncryptedKey({ rid, encryptedKey: new OctetString(wrapped) }),
        ]),
      }),
    });
  };
}

/**
 * What both sides hash beside the secret (RFC 5753 7.2): the wrapping algorithm, and the length of its key in bits as
 * [2] EXPLICIT OCTET STRING. X9.63 takes 32 bytes of SHA-256 in one round.
 */
function eccCmsSharedInfo(wrap: AlgorithmIdentifier): Buffer {
  const algorithm = Buffer.from(AsnConvert.serialize(wrap));
  const length = Buffer.from([0xa2, 0x06, 0x04, 0x04, 0, 0, 1, 0]);
  return Buffer.concat([Buffer.from([0x30, algorithm.length + length.length]), algorithm, length]);
}

function bytesOf(buffer: Buffer): ArrayBuffer {
  return new Uint8Array(buffer).buffer;
}
