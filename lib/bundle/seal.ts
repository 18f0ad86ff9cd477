import {
  constants,
  createCipheriv,
  createECDH,
  createHash,
  ECDH,
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
import { AlgorithmIdentifier, Certificate, id_ce_keyUsage, KeyUsage, KeyUsageFlags } from '@peculiar/asn1-x509';

/*
 * Sealed bundles: CMS EnvelopedData (RFC 5652) that `openssl cms -decrypt` opens. Content: AES-256-CBC (RFC 3565) with a
 * new key for each bundle. RSA recipients: RSAES-OAEP with SHA-256 (RFC 3560). EC recipients: ephemeral-static ECDH with
 * the X9.63 KDF on SHA-256 and AES-256 key wrap (RFC 5753).
 */

const aes256Cbc = '2.16.840.1.101.3.4.1.42';
const aes256Wrap = '2.16.840.1.101.3.4.1.45';
const dhSinglePassStdDhSha256Kdf = '1.3.132.1.11.1';

/** RFC 3394 2.2.3.1. */
const keyWrapIv = Buffer.alloc(8, 0xa6);

/** One recipient: its structure with random octets in the places that differ between messages, and their values. */
interface Recipient {
  readonly info: RecipientInfo;
  readonly places: readonly Buffer[];
  /** The values of one message, as long as the places and in their order. */
  values(contentKey: Buffer): readonly Buffer[];
}

/** An encoded message of one length. The structures of its recipients lie behind each other. */
interface Layout {
  readonly image: Buffer;
  readonly iv: number;
  readonly content: number;
  /** Where the first recipient begins. */
  readonly recipients: number;
}

/** The encoded structure of one recipient, and the offsets of its variable parts in it. */
interface EncodedRecipient {
  readonly image: Buffer;
  readonly offsets: readonly number[];
  readonly values: Recipient['values'];
}

/** Layouts kept, one per length of content. The bundles of a group differ by a few octets in length. */
const maxLayouts = 64;

/**
 * Makes a function that seals a content to all recipients. Encoding the structure takes ten times as long as encrypting,
 * so it is encoded once per length of content.
 * @param recipients PEM certificates that have no `recipientIssues`
 * @returns a function from content to CMS, DER
 */
export function createSeal(recipients: readonly string[]): (content: Buffer) => Buffer {
  const parties = recipients.map(createRecipient);
  const encoded = parties.map(encodeRecipient);
  const layouts = new Map<number, Layout>();

  function layoutFor(length: number): Layout {
    let layout = layouts.get(length);
    if (layout === undefined) {
      layout = layOut(parties, length);
      if (layouts.size >= maxLayouts) layouts.clear();
      layouts.set(length, layout);
    }
    return layout;
  }

  return (content) => {
    const [key, iv] = [randomBytes(32), randomBytes(16)];
    const cipher = createCipheriv('aes-256-cbc', key, iv);
    const encrypted = Buffer.concat([cipher.update(content), cipher.final()]);
    const infos = encoded.map((recipient) => recipientFor(recipient, key));
    key.fill(0);
    const layout = layoutFor(encrypted.length);
    const sealed = Buffer.from(layout.image);
    iv.copy(sealed, layout.iv);
    encrypted.copy(sealed, layout.content);
    // RecipientInfos is a SET OF: DER wants its members in the order of their octets (X.690 11.6). That of an EC recipient depends
    // on a key of this message.
    Buffer.concat(infos.sort(Buffer.compare)).copy(sealed, layout.recipients);
    return sealed;
  };
}

/** The structure of a recipient in one message. */
function recipientFor({ image, offsets, values }: EncodedRecipient, contentKey: Buffer): Buffer {
  const info = Buffer.from(image);
  for (const [index, value] of values(contentKey).entries()) value.copy(info, offsets[index]);
  return info;
}

function encodeRecipient({ info, places, values }: Recipient): EncodedRecipient {
  const image = Buffer.from(AsnConvert.serialize(info));
  return { image, offsets: places.map((place) => image.indexOf(place)), values };
}

function layOut(parties: readonly Recipient[], length: number): Layout {
  const [iv, content] = [randomBytes(16), randomBytes(length)];
  const enveloped = new EnvelopedData({
    // RFC 5652 6.1: 0 when every recipient has version 0, which means key transport and issuer name.
    version: parties.every(({ info }) => info.ktri !== undefined) ? 0 : 2,
    recipientInfos: new RecipientInfos(parties.map(({ info }) => info)),
    encryptedContentInfo: new EncryptedContentInfo({
      contentType: id_data,
      contentEncryptionAlgorithm: new AlgorithmIdentifier({
        algorithm: aes256Cbc,
        parameters: AsnConvert.serialize(new OctetString(iv)),
      }),
      encryptedContent: new EncryptedContent({ value: new OctetString(content) }),
    }),
  });
  const info = new ContentInfo({ contentType: id_envelopedData, content: AsnConvert.serialize(enveloped) });
  const image = Buffer.from(AsnConvert.serialize(info));
  return {
    image,
    iv: image.indexOf(iv),
    content: image.indexOf(content),
    recipients: Math.min(...parties.map(({ info: each }) => image.indexOf(Buffer.from(AsnConvert.serialize(each))))),
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
  const place = randomBytes(Math.ceil((publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8));
  const encryptedKey = new OctetString(place);
  return {
    info: new RecipientInfo({
      ktri: new KeyTransRecipientInfo({ version: 0, rid, keyEncryptionAlgorithm, encryptedKey }),
    }),
    places: [place],
    values: (contentKey) => [publicEncrypt(padding, contentKey)],
  };
}

function byKeyAgreement(publicKey: KeyObject, name: IssuerAndSerialNumber, certificate: Certificate): Recipient {
  const curve = publicKey.asymmetricKeyDetails?.namedCurve ?? '';
  const { algorithm, subjectPublicKey } = certificate.tbsCertificate.subjectPublicKeyInfo;
  // Certificates of OpenSSL and Windows hold it uncompressed. Others may not, and the ephemeral point is uncompressed.
  const point = Buffer.from(
    ECDH.convertKey(Buffer.from(subjectPublicKey), curve, undefined, undefined, 'uncompressed') as Buffer,
  );
  const rid = new KeyAgreeRecipientIdentifier({ issuerAndSerialNumber: name });
  // RFC 5753 7.2: AES key wrap has no parameters.
  const wrap = new AlgorithmIdentifier({ algorithm: aes256Wrap });
  const keyEncryptionAlgorithm = new AlgorithmIdentifier({
    algorithm: dhSinglePassStdDhSha256Kdf,
    parameters: AsnConvert.serialize(wrap),
  });
  const sharedInfo = eccCmsSharedInfo(wrap);
  const [pointPlace, keyPlace] = [randomBytes(point.length), randomBytes(40)];
  const originatorKey = new OriginatorPublicKey({
    algorithm: new AlgorithmIdentifier({ algorithm: algorithm.algorithm, parameters: algorithm.parameters }),
    publicKey: new Uint8Array(pointPlace).buffer,
  });
  const encryptedKey = new OctetString(keyPlace);
  return {
    info: new RecipientInfo({
      kari: new KeyAgreeRecipientInfo({
        version: 3,
        originator: new OriginatorIdentifierOrKey({ originatorKey }),
        keyEncryptionAlgorithm,
        recipientEncryptedKeys: new RecipientEncryptedKeys([new RecipientEncryptedKey({ rid, encryptedKey })]),
      }),
    }),
    places: [pointPlace, keyPlace],
    values(contentKey) {
      const ephemeral = createECDH(curve);
      const ephemeralPoint = ephemeral.generateKeys();
      const secret = ephemeral.computeSecret(point);
      const keyEncryptionKey = createHash('sha256')
        .update(secret)
        .update(Buffer.from([0, 0, 0, 1]))
        .update(sharedInfo)
        .digest();
      secret.fill(0);
      const cipher = createCipheriv('id-aes256-wrap', keyEncryptionKey, keyWrapIv);
      keyEncryptionKey.fill(0);
      return [ephemeralPoint, Buffer.concat([cipher.update(contentKey), cipher.final()])];
    },
  };
}

/**
 * ECC-CMS-SharedInfo, which both sides hash with the shared secret (RFC 5753 7.2): the wrapping algorithm, and the length
 * of its key in bits as [2] EXPLICIT OCTET STRING. One round of the X9.63 KDF gives the 32 bytes of SHA-256.
 */
function eccCmsSharedInfo(wrap: AlgorithmIdentifier): Buffer {
  const algorithm = Buffer.from(AsnConvert.serialize(wrap));
  const length = Buffer.from([0xa2, 0x06, 0x04, 0x04, 0, 0, 1, 0]);
  return Buffer.concat([Buffer.from([0x30, algorithm.length + length.length]), algorithm, length]);
}

/** Curves as Node names them. Each is at least as strong as P-256, and OpenSSL can decrypt with it. */
const curves: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

const leastRsaBits = 2048;

/**
 * Finds why bundles cannot be sealed to a certificate.
 * @param at the time at which it must be valid
 * @returns every reason, such as `expired at 2026-01-01T00:00:00.000Z`; empty for a good recipient
 */
export function recipientIssues(pem: string, at: Date): string[] {
  const certificate = readCertificate(pem);
  if (certificate === undefined) return ['not one certificate in PEM'];
  const faults: string[] = [];
  if (at < certificate.validFromDate) faults.push(`not valid before ${certificate.validFromDate.toISOString()}`);
  if (at > certificate.validToDate) faults.push(`expired at ${certificate.validToDate.toISOString()}`);

  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = certificate.publicKey;
  const usages = keyUsages(certificate);
  if (type === 'rsa') {
    const bits = details.modulusLength ?? 0;
    if (bits < leastRsaBits) faults.push(`too weak: an RSA key of ${bits} bits. Use at least ${leastRsaBits} bits`);
    if (usages !== undefined && !(usages & KeyUsageFlags.keyEncipherment))
      faults.push('not for encryption: its key usage lacks keyEncipherment');
  } else if (type === 'ec') {
    if (!curves.has(details.namedCurve ?? ''))
      faults.push(`too weak: a key on ${details.namedCurve ?? 'a curve without a name'}, not on P-256, P-384 or P-521`);
    if (usages !== undefined && !(usages & KeyUsageFlags.keyAgreement))
      faults.push('not for encryption: its key usage lacks keyAgreement');
  } else {
    faults.push(`not for encryption: a key of type ${type ?? 'unknown'}, not RSA or EC`);
  }
  return faults;
}

/** Finds certificates that are in the list more than once. @returns the index of every repetition, from 0 */
export function duplicateRecipients(pems: readonly string[]): number[] {
  const seen = new Set<string>();
  return pems.flatMap((pem, index) => {
    const thumbprint = readCertificate(pem)?.fingerprint256 ?? pem;
    if (seen.has(thumbprint)) return [index];
    seen.add(thumbprint);
    return [];
  });
}

function readCertificate(pem: string): X509Certificate | undefined {
  // Node would read the first certificate of several, which may not be the one that was meant.
  if (pem.split('-----BEGIN').length !== 2 || !pem.includes('-----BEGIN CERTIFICATE-----')) return undefined;
  try {
    const certificate = new X509Certificate(pem);
    // OpenSSL reads the key at its first use only, and throws then if it cannot.
    return certificate.publicKey.type === 'public' ? certificate : undefined;
  } catch {
    return undefined;
  }
}

/** Bits of the key usage extension, or undefined without one: then the key may be used for anything (RFC 5280 4.2.1.3). */
function keyUsages({ raw }: X509Certificate): number | undefined {
  const { extensions = [] } = AsnConvert.parse(raw, Certificate).tbsCertificate;
  const extension = extensions.find(({ extnID }) => extnID === id_ce_keyUsage);
  return extension === undefined ? undefined : AsnConvert.parse(extension.extnValue, KeyUsage).toNumber();
}
